//! Which tasks `--tags` and `--skip-tags` select.

/// Tells whether a task with these tags (inherited ones included) runs under `--tags only` and
/// `--skip-tags skip`, both empty unless given. `always`, `never`, `all`, `tagged` and `untagged` mean what
/// they mean in Ansible.
pub fn selected(tags: &[String], only: &[String], skip: &[String]) -> bool {
    let has = |list: &[String], word: &str| list.iter().any(|tag| tag == word);
    // A task without tags can be named as `untagged`.
    let among = |list: &[String]| match tags {
        [] => has(list, "untagged"),
        _ => tags.iter().any(|tag| has(list, tag)),
    };
    let tagged = !tags.is_empty();
    let never = has(tags, "never");
    let wanted = has(tags, "always")
        || ((only.is_empty() || has(only, "all")) && !never)
        || among(only)
        || (has(only, "tagged") && tagged && !never);
    let skipped = (has(skip, "all") && (!has(tags, "always") || has(skip, "always")))
        || among(skip)
        || (has(skip, "tagged") && tagged);
    wanted && !skipped
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: &[&str] = &["", "a", "always", "never", "never a", "always a", "always never"];
    const ONLY: &[&str] = &[
        "",
        "a",
        "b",
        "all",
        "tagged",
        "untagged",
        "never",
        "always",
        "a untagged",
        "all never",
        "tagged never",
    ];
    const SKIP: &[&str] =
        &["", "a", "always", "all", "tagged", "untagged", "never", "all always", "tagged always"];

    /// What ansible-core 2.19 answers: a block for each of [`TAGS`], a line for each of [`ONLY`], a column
    /// for each of [`SKIP`].
    const SELECTED: &str = "
        xxx.x.x.x
        .........
        .........
        xxx.x.x.x
        .........
        xxx.x.x.x
        .........
        .........
        xxx.x.x.x
        xxx.x.x.x
        .........

        x.x..xx..
        x.x..xx..
        .........
        x.x..xx..
        x.x..xx..
        .........
        .........
        .........
        x.x..xx..
        x.x..xx..
        x.x..xx..

        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..
        xx.x.xx..

        .........
        .........
        .........
        .........
        .........
        .........
        xxx..x...
        .........
        .........
        xxx..x...
        xxx..x...

        .........
        x.x..x...
        .........
        .........
        .........
        .........
        x.x..x...
        .........
        x.x..x...
        x.x..x...
        x.x..x...

        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..
        x..x.xx..

        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
        xx.x.x...
    ";

    #[test]
    fn tasks_are_selected_as_by_ansible() {
        let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let mut lines = SELECTED.split_whitespace();
        for tags in TAGS {
            for only in ONLY {
                let line: String = SKIP
                    .iter()
                    .map(|skip| if selected(&words(tags), &words(only), &words(skip)) { 'x' } else { '.' })
                    .collect();
                assert_eq!(Some(line.as_str()), lines.next(), "tags [{tags}] under --tags [{only}]");
            }
        }
        assert_eq!(lines.next(), None);
    }
}
