//! `serial`: the targets of a play cut into waves.

use serde_json::Value;
use thiserror::Error;

/// A `serial` that is neither a number nor a percentage.
#[derive(Debug, Error)]
#[error("`serial` must be a number, a percentage or a list of them, not `{0}`")]
pub struct SerialError(String);

/// Cuts `hosts` into waves. Each element of `serial` is the size of one wave, the last one repeats;
/// percentages are of all hosts, rounded down but never below 1 (Ansible: Controlling playbook
/// execution, "Setting the batch size with serial"). Nothing given is one wave of all.
///
/// # Errors
/// An element that is neither a positive integer nor `N%`.
pub fn waves<T: Clone>(hosts: &[T], serial: Option<&Value>) -> Result<Vec<Vec<T>>, SerialError> {
    let mut sizes = sizes(serial, hosts.len())?;
    let mut rest = hosts;
    let mut waves = Vec::new();
    while !rest.is_empty() {
        let (wave, later) = rest.split_at(sizes.next().unwrap_or(rest.len()).clamp(1, rest.len()));
        waves.push(wave.to_vec());
        rest = later;
    }
    Ok(waves)
}

/// The sizes of the waves of so many hosts, without an end.
pub(super) fn sizes(
    serial: Option<&Value>,
    hosts: usize,
) -> Result<impl Iterator<Item = usize> + use<>, SerialError> {
    let sizes: Vec<&Value> = match serial {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
    };
    let sizes = sizes.into_iter().map(|size| wave_size(size, hosts)).collect::<Result<Vec<_>, _>>()?;
    let last = sizes.last().copied().unwrap_or(hosts);
    Ok(sizes.into_iter().chain(std::iter::repeat(last)))
}

/// Reads one element. Zero and negative sizes mean all hosts, as in Ansible.
fn wave_size(size: &Value, hosts: usize) -> Result<usize, SerialError> {
    let text = match size {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| SerialError(text.to_owned()));
    let size = match text.strip_suffix('%') {
        Some(percent) => ((number(percent)? / 100.0 * hosts as f64) as i64).max(1),
        None => number(&text)? as i64,
    };
    Ok(usize::try_from(size).ok().filter(|size| *size > 0).unwrap_or(hosts))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn sizes(hosts: usize, serial: Value) -> Vec<usize> {
        let hosts: Vec<usize> = (0..hosts).collect();
        waves(&hosts, Some(&serial)).unwrap().iter().map(Vec::len).collect()
    }

    #[test]
    fn the_last_size_repeats() {
        assert_eq!(sizes(10, json!([1, 2, "50%"])), [1, 2, 5, 2]);
        assert_eq!(sizes(5, json!(2)), [2, 2, 1]);
        assert_eq!(sizes(3, json!("100%")), [3]);
        assert_eq!(sizes(3, json!("10%")), [1, 1, 1]);
        assert_eq!(sizes(3, json!(0)), [3]);
        assert_eq!(sizes(0, json!(2)), Vec::<usize>::new());
    }

    #[test]
    fn nothing_given_is_one_wave() {
        assert_eq!(waves(&[1, 2, 3], None).unwrap(), [[1, 2, 3]]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(waves(&[1], Some(&json!("many"))).is_err());
    }
}
