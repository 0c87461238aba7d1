//! "Did you mean": the candidate that is closest to a word nobody knows.

/// Returns the candidate that `word` was probably meant to be, if one is close enough: at most a third
/// of its letters apart, or equal but for case, `-` and `_`.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let length = folded.chars().count();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= 3)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(length).div_ceil(3).min(3))
        .filter(|(distance, candidate)| *distance < candidate.chars().count().min(length))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns `did you mean `X`?`, the form of a hint, if there is a candidate.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_closest_word() {
        let words = ["hosts", "children", "vars"];
        assert_eq!(did_you_mean("host", words), Some("hosts"));
        assert_eq!(did_you_mean("childern", words), Some("children"));
        assert_eq!(did_you_mean("Vars", words), Some("vars"));
        assert_eq!(did_you_mean("propagation", ["propagation"]), None);
        assert_eq!(did_you_mean("progagation", ["propagation", "inherit"]), Some("propagation"));
    }

    #[test]
    fn stays_silent_when_nothing_is_close() {
        assert_eq!(did_you_mean("tasks", ["hosts", "vars"]), None);
        assert_eq!(did_you_mean("x", ["y"]), None);
        assert_eq!(did_you_mean("", ["a", "abc"]), None);
    }
}
