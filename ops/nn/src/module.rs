//! [`Module`]: what has named parameters.

use tensor::Tensor;

use crate::{Parameter, Result};

/// The names of the tensors that a parameter is stored as: most often one; several where a layer keeps them one below the
/// other in one parameter, so that one product serves them all, as attention keeps query, key and value.
pub type Names = Vec<String>;

/// A layer or model: its parameters under their names, in a fixed order.
pub trait Module {
    /// Calls `visit` for each parameter; names begin with `path`.
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter));

    /// The same for parameters that are changed.
    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter));
}

/// The name of a part of what is called `path`.
pub fn join(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

/// Lists the fields of a struct that are modules, with the names of Hugging Face where these are no identifiers.
macro_rules! module {
    ($kind:ty { $($field:ident $(as $name:literal)?),* $(,)? }) => {
        impl $crate::Module for $kind {
            fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut($crate::Names, &'a $crate::Parameter)) {
                $($crate::Module::visit(&self.$field, &$crate::module::join(path, $crate::module::name_of!($field $($name)?)), visit);)*
            }

            fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut($crate::Names, &'a mut $crate::Parameter)) {
                $($crate::Module::visit_mut(&mut self.$field, &$crate::module::join(path, $crate::module::name_of!($field $($name)?)), visit);)*
            }
        }
    };
}

/// The same where the names depend on the model.
macro_rules! module_named {
    ($kind:ty, $model:ident { $($field:ident: $name:expr),* $(,)? }) => {
        impl $crate::Module for $kind {
            fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut($crate::Names, &'a $crate::Parameter)) {
                let $model = self;
                $($crate::Module::visit(&self.$field, &$crate::module::join(path, $name), visit);)*
            }

            fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut($crate::Names, &'a mut $crate::Parameter)) {
                let mut names = {
                    let $model = &*self;
                    [$($crate::module::join(path, $name)),*].into_iter()
                };
                $($crate::Module::visit_mut(&mut self.$field, &names.next().unwrap_or_default(), visit);)*
            }
        }
    };
}

macro_rules! name_of {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

pub(crate) use {module, module_named, name_of};

impl Module for Parameter {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        visit(vec![path.to_owned()], self);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        visit(vec![path.to_owned()], self);
    }
}

impl<M: Module> Module for Option<M> {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.iter().for_each(|module| module.visit(path, visit));
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.iter_mut()
            .for_each(|module| module.visit_mut(path, visit));
    }
}

impl<M: Module> Module for Vec<M> {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        for (place, module) in self.iter().enumerate() {
            module.visit(&join(path, &place.to_string()), visit);
        }
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        for (place, module) in self.iter_mut().enumerate() {
            module.visit_mut(&join(path, &place.to_string()), visit);
        }
    }
}

/// All parameters with their names, in the module's order.
pub fn named_parameters<M: Module + ?Sized>(module: &M) -> Vec<(Names, &Parameter)> {
    let mut all = Vec::new();
    module.visit("", &mut |names, parameter| all.push((names, parameter)));
    all
}

/// All tensors as they are stored, in the module's order.
///
/// # Errors
/// None for a module whose parameters are made of as many rows as their names need.
pub fn named_tensors<M: Module + ?Sized>(module: &M) -> Result<Vec<(String, Tensor)>> {
    let mut all = Vec::new();
    for (names, parameter) in named_parameters(module) {
        let value = parameter.as_stored(&parameter.tensor().detach())?;
        all.extend(split(names, &value)?);
    }
    Ok(all)
}

/// The tensors that are stored for one parameter, or for something of its shape.
pub(crate) fn split(names: Names, whole: &Tensor) -> Result<Vec<(String, Tensor)>> {
    let count = names.len();
    if count == 1 {
        return Ok(names
            .into_iter()
            .map(|name| (name, whole.clone()))
            .collect());
    }
    let rows = whole.shape().first().map_or(0, |rows| rows / count);
    let parts = names.into_iter().enumerate();
    parts
        .map(|(place, name)| Ok((name, whole.narrow(0, place * rows, rows)?)))
        .collect()
}
