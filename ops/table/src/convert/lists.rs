//! Lists and vectors.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListViewArray, ListArray, OffsetSizeTrait,
    UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, FieldRef};

use super::{convert, no_way};

/// Lists with 32-bit offsets of items of type `item`: other lists and vectors item by item, and a text as a list of one.
pub(super) fn to_list(column: &ArrayRef, item: &FieldRef) -> Result<ArrayRef, String> {
    let rows = column.len();
    match column.data_type() {
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            list(lists.offsets().clone(), lists.values(), lists.nulls(), item)
        }
        DataType::LargeList(_) => {
            let lists = column.as_list::<i64>();
            let offsets = lists.offsets();
            let lengths = (0..rows).map(|row| (offsets[row + 1] - offsets[row]) as usize);
            let (start, end) = (offsets[0] as usize, offsets[rows] as usize);
            let items = lists.values().slice(start, end - start);
            list(summed(lengths)?, &items, lists.nulls(), item)
        }
        DataType::ListView(_) => views(column.as_list_view::<i32>(), item),
        DataType::LargeListView(_) => views(column.as_list_view::<i64>(), item),
        DataType::FixedSizeList(_, size) => {
            let lists = column.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or(0);
            let offsets = summed(std::iter::repeat_n(size, rows))?;
            list(offsets, lists.values(), lists.nulls(), item)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let held = |row: &usize| column.is_valid(*row);
            let places: Vec<u64> = (0..rows).filter(held).map(|row| row as u64).collect();
            let items = taken(column, places)?;
            let lengths = (0..rows).map(|row| usize::from(column.is_valid(row)));
            list(summed(lengths)?, &items, column.nulls(), item)
        }
        found => Err(no_way(found, &DataType::List(Arc::clone(item)))),
    }
}

/// Vectors of `size` items of type `item`.
pub(super) fn to_vectors(
    column: &ArrayRef,
    item: &FieldRef,
    size: i32,
) -> Result<ArrayRef, String> {
    match column.as_fixed_size_list_opt() {
        Some(vectors) if vectors.value_length() == size => {
            let items = convert(vectors.values(), item.data_type())?;
            let nulls = vectors.nulls().cloned();
            FixedSizeListArray::try_new_with_length(
                Arc::clone(item),
                size,
                items,
                nulls,
                column.len(),
            )
            .map(|vectors| Arc::new(vectors) as ArrayRef)
            .map_err(|error| error.to_string())
        }
        _ => Err(no_way(
            column.data_type(),
            &DataType::FixedSizeList(Arc::clone(item), size),
        )),
    }
}

fn list(
    offsets: OffsetBuffer<i32>,
    items: &ArrayRef,
    nulls: Option<&NullBuffer>,
    item: &FieldRef,
) -> Result<ArrayRef, String> {
    let items = convert(items, item.data_type())?;
    ListArray::try_new(Arc::clone(item), offsets, items, nulls.cloned())
        .map(|lists| Arc::new(lists) as ArrayRef)
        .map_err(|error| error.to_string())
}

/// Lists whose items lie in any order, brought into that of the rows.
fn views<Offset: OffsetSizeTrait>(
    lists: &GenericListViewArray<Offset>,
    item: &FieldRef,
) -> Result<ArrayRef, String> {
    let range = |row: usize| -> Range<u64> {
        if lists.is_null(row) {
            return 0..0;
        }
        let start = lists.offsets()[row].as_usize() as u64;
        start..start + lists.sizes()[row].as_usize() as u64
    };
    let offsets = summed((0..lists.len()).map(|row| range(row).count()))?;
    let items = taken(lists.values(), (0..lists.len()).flat_map(range).collect())?;
    list(offsets, &items, lists.nulls(), item)
}

/// Where lists of these lengths begin and end, one behind the other.
fn summed(lengths: impl Iterator<Item = usize>) -> Result<OffsetBuffer<i32>, String> {
    let mut offsets = vec![0];
    let mut end = 0_usize;
    for length in lengths {
        end += length;
        let end = i32::try_from(end).map_err(|_| {
            "8,192 of its rows hold more than 2,147,483,647 items together".to_owned()
        })?;
        offsets.push(end);
    }
    Ok(OffsetBuffer::new(offsets.into()))
}

fn taken(items: &ArrayRef, places: Vec<u64>) -> Result<ArrayRef, String> {
    arrow_select::take::take(items, &UInt64Array::from(places), None)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::string_list_type;
    use arrow_array::builder::{Int32Builder, LargeListBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{Int32Array, ListViewArray, StringArray};
    use arrow_schema::Field;

    fn numbers() -> FieldRef {
        Arc::new(Field::new_list_field(DataType::Int32, true))
    }

    fn rows(lists: &ArrayRef) -> Vec<Option<Vec<i32>>> {
        let items = |list: Option<ArrayRef>| {
            list.map(|list| list.as_primitive::<Int32Type>().values().to_vec())
        };
        lists.as_list::<i32>().iter().map(items).collect()
    }

    #[test]
    fn lists_whose_items_lie_in_any_order_are_put_in_that_of_the_rows() {
        let views = ListViewArray::new(
            numbers(),
            vec![3, 0, 1, 0].into(),
            vec![2, 0, 3, 1].into(),
            Arc::new(Int32Array::from(vec![10, 11, 12, 13, 14])),
            Some(vec![true, true, true, false].into()),
        );
        let views: ArrayRef = Arc::new(views);
        let lists = to_list(&views, &numbers()).unwrap();
        let expected = [
            Some(vec![13, 14]),
            Some(vec![]),
            Some(vec![11, 12, 13]),
            None,
        ];
        assert_eq!(rows(&lists), expected);
        let sliced = to_list(&views.slice(2, 2), &numbers()).unwrap();
        assert_eq!(rows(&sliced), expected[2..]);
    }

    #[test]
    fn a_part_of_large_lists_keeps_its_own_items() {
        let mut builder = LargeListBuilder::new(Int32Builder::new());
        builder.append_value([Some(1)]);
        builder.append_value([Some(2), Some(3)]);
        builder.append_null();
        builder.append_value([Some(4)]);
        let lists: ArrayRef = Arc::new(builder.finish());
        let part = to_list(&lists.slice(1, 3), &numbers()).unwrap();
        assert_eq!(rows(&part), [Some(vec![2, 3]), None, Some(vec![4])]);
    }

    #[test]
    fn vectors_and_single_texts_become_lists() {
        let vectors = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
            [Some(vec![Some(1), Some(2)]), Some(vec![Some(3), Some(4)])],
            2,
        );
        let vectors: ArrayRef = Arc::new(vectors);
        let lists = to_list(&vectors.slice(1, 1), &numbers()).unwrap();
        assert_eq!(rows(&lists), [Some(vec![3, 4])]);
        let DataType::List(item) = string_list_type() else {
            unreachable!()
        };
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let lists = to_list(&texts, &item).unwrap();
        assert_eq!(
            lists.as_list::<i32>().value(0).as_string::<i32>().value(0),
            "a"
        );
        assert!(lists.is_null(1));
        assert!(to_vectors(&texts, &item, 2).is_err());
    }
}
