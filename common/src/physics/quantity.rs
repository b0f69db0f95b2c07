//! A number with a unit, as people write it: how it is read and written, whatever it measures.

/// Units of one quantity, the greatest first: the name, and how many of the least it is.
pub(super) type Units = [(&'static str, f64)];

/// Reads `1.5s` or `100mbit`, in the least unit.
///
/// # Errors
/// Why it is none, as a sentence about "it".
pub(super) fn read(text: &str, units: &Units) -> Result<f64, &'static str> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("it does not begin with a number");
    }
    let number: f64 = number.parse().map_err(|_| "its number is none")?;
    let found = units.iter().find(|(name, _)| *name == unit);
    match (found, unit) {
        (Some((_, size)), _) => Ok(number * size),
        (None, "") => Err("it has no unit"),
        (None, _) => Err("its unit is unknown"),
    }
}

/// Writes so many of the least unit, at least one, with as many digits as it takes to read the same number, in the
/// unit in which that is shortest: of those of which there is one, the greatest that is as short as any.
pub(super) fn write(amount: f64, units: &Units) -> String {
    let fitting = units.iter().filter(|(_, size)| *size <= amount);
    let written = fitting.map(|(name, size)| format!("{}{name}", amount / size));
    let shortest = written.min_by_key(String::len);
    shortest.expect("there is one of the least unit")
}
