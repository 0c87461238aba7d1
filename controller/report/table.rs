//! Columns of text.

use crate::ui::{shorten, width};

/// Shortens cells until a table has at most that many columns of the terminal: the widest column gives way first, and none
/// below eight.
pub(super) fn fit(columns: usize, heading: &[&str], rows: &mut [Vec<String>]) {
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default();
    let mut widths: Vec<usize> =
        heading.iter().enumerate().map(|(column, name)| widest(column).max(width(name))).collect();
    let gaps = heading.len().saturating_sub(1) * 2;
    while widths.iter().sum::<usize>() + gaps > columns {
        match widths.iter_mut().max().filter(|width| **width > 8) {
            Some(width) => *width -= 1,
            None => break,
        }
    }
    for row in rows {
        for (cell, width) in row.iter_mut().zip(&widths) {
            *cell = shorten(cell, *width).into_owned();
        }
    }
}

/// Rows below a heading, each column as wide as its widest cell; columns whose cells are all numbers stand
/// to the right. Every line is indented by that many spaces.
pub(super) fn table(indent: usize, heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let is_number =
        |column: usize| rows.iter().all(|row| row[column].bytes().all(|byte| byte.is_ascii_digit()));
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default();
    let columns: Vec<(usize, bool)> = heading
        .iter()
        .enumerate()
        .map(|(column, name)| (widest(column).max(width(name)), !rows.is_empty() && is_number(column)))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = " ".repeat(indent);
        for (cell, (columns, right)) in cells.zip(&columns) {
            let space = " ".repeat(columns.saturating_sub(width(cell)));
            text.push_str(&if *right { format!("{space}{cell}  ") } else { format!("{cell}{space}  ") });
        }
        text.truncate(text.trim_end().len());
        text
    };
    let mut lines = vec![line(&mut heading.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_give_way() {
        let mut rows = vec![vec!["short".to_owned(), "a".repeat(60), "b".repeat(60)]];
        fit(39, &["A", "B", "C"], &mut rows);
        let widths: Vec<usize> = rows[0].iter().map(|cell| width(cell)).collect();
        assert_eq!(widths, [5, 15, 15]);
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = [vec!["日本".to_owned(), "7".to_owned()], vec!["web-1".to_owned(), "12".to_owned()]];
        assert_eq!(table(2, &["HOST", "OK"], &rows), ["  HOST   OK", "  日本    7", "  web-1  12"]);
    }
}
