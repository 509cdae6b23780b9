//! Which tokens may come next.

use std::collections::BTreeSet;

use super::GenerateOptions;

/// What a rule says of the next token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is this one, whatever the model thinks: its probability counts as 1.
    Only(u32),
    /// It is none of these.
    AllBut(BTreeSet<u32>),
}

impl Next {
    /// How many tokens it rules out.
    pub fn banned(&self) -> usize {
        match self {
            Self::Only(_) => 0,
            Self::AllBut(banned) => banned.len(),
        }
    }
}

/// What the options say of the token behind `history`, whose last `written` tokens are new.
pub(super) fn next(options: &GenerateOptions, history: &[u32], written: usize) -> Next {
    if let (true, Some(token)) = (
        written + 1 == options.max_new_tokens,
        options.forced_eos_token_id,
    ) {
        return Next::Only(token);
    }
    if let (0, Some(token)) = (written, options.forced_bos_token_id) {
        return Next::Only(token);
    }
    let mut banned = BTreeSet::new();
    if written < options.min_new_tokens {
        banned.extend(&options.eos_token_ids);
    }
    let size = options.no_repeat_ngram_size;
    if size > 0 && history.len() + 1 >= size {
        let end = &history[history.len() + 1 - size..];
        let repeats = history.windows(size).filter(|run| run[..size - 1] == *end);
        banned.extend(repeats.map(|run| run[size - 1]));
    }
    Next::AllBut(banned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_come_once_and_ends_not_too_early() {
        let options = GenerateOptions {
            no_repeat_ngram_size: 2,
            min_new_tokens: 2,
            max_new_tokens: 5,
            eos_token_ids: vec![9],
            ..GenerateOptions::default()
        };
        let banned = |history: &[u32], written| match next(&options, history, written) {
            Next::AllBut(banned) => banned.into_iter().collect::<Vec<_>>(),
            Next::Only(token) => panic!("only {token}"),
        };
        assert_eq!(banned(&[1, 2, 3, 1], 2), [2]);
        assert_eq!(banned(&[1, 2, 3, 1], 1), [2, 9]);
        assert_eq!(banned(&[1, 1], 2), [1]);
        assert_eq!(banned(&[], 2), [0_u32; 0]);
    }

    #[test]
    fn forced_tokens_come_first_and_last() {
        let options = GenerateOptions {
            max_new_tokens: 3,
            forced_bos_token_id: Some(7),
            forced_eos_token_id: Some(8),
            ..GenerateOptions::default()
        };
        let found = [0, 1, 2].map(|written| next(&options, &[5], written));
        assert_eq!(
            found,
            [Next::Only(7), Next::AllBut(BTreeSet::new()), Next::Only(8)]
        );
    }
}
