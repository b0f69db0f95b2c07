//! HTML of texts and tables.

/// A text that is safe between tags and in attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A table; without names in its head it has none.
pub(crate) fn table<'a>(
    heads: impl IntoIterator<Item = &'a &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    table_of_cells(
        heads,
        rows.map(|row| row.iter().map(|cell| escaped(cell)).collect()),
    )
}

/// The same of cells that are HTML already.
pub(super) fn table_of_cells<'a>(
    heads: impl IntoIterator<Item = &'a &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let heads: Vec<&str> = heads.into_iter().copied().collect();
    let mut text = "<table>\n".to_owned();
    if heads.iter().any(|head| !head.is_empty()) {
        let cells: String = heads
            .iter()
            .map(|head| format!("<th>{}</th>", escaped(head)))
            .collect();
        text += &format!("<tr>{cells}</tr>\n");
    }
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        text += &format!("<tr>{cells}</tr>\n");
    }
    text + "</table>\n"
}
