//! Line charts as SVG, with colours that follow the reader's light or dark page.

use plotters::prelude::*;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How an axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scale {
    /// By differences.
    #[default]
    Linear,
    /// By ratios; what is not above zero is left out.
    Log,
}

/// A chart to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) scale: Scale,
    /// What is higher is drawn at the upper edge.
    pub(crate) ceiling: Option<f64>,
    pub(crate) lines: Vec<Line>,
}

/// Lines whose names find room in the chart; those of more stand beside it.
const NAMES_INSIDE_MAX: usize = 4;

/// The column of names, and a name's height in it, pixels.
const NAMES_COLUMN: u32 = 170;
const NAME: i32 = 16;

const SIZE: (u32, u32) = (640, 320);

/// Told apart by people who do not tell red from green, on white and on black.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x1f, 0x77, 0xd4),
    RGBColor(0xe6, 0x7e, 0x22),
    RGBColor(0x2a, 0x9d, 0x8f),
    RGBColor(0xb0, 0x5f, 0xd0),
    RGBColor(0xd6, 0x45, 0x50),
    RGBColor(0x8c, 0x8c, 0x3e),
    RGBColor(0xe3, 0x77, 0xb4),
    RGBColor(0x6b, 0x8e, 0xa8),
];

impl Chart {
    /// The chart as an SVG element; `None` if there is nothing to draw.
    pub(crate) fn svg(&self) -> Option<String> {
        let on_scale = |line: &Line| line.on(self.scale, self.ceiling).finite();
        let lines: Vec<Line> = self.lines.iter().filter_map(on_scale).collect();
        let all = || lines.iter().flat_map(|line| &line.points);
        let x = range(all().map(|point| point.0))?;
        let y = range(all().map(|point| point.1))?;
        let mut text = String::new();
        self.draw(&mut text, &lines, x, y).ok()?;
        Some(adaptable(&text))
    }

    fn draw(
        &self,
        text: &mut String,
        lines: &[Line],
        x: std::ops::Range<f64>,
        y: std::ops::Range<f64>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let whole = SVGBackend::with_string(text, SIZE).into_drawing_area();
        let beside = NAMES_INSIDE_MAX < lines.len();
        let area = match beside {
            true => {
                let (chart, names) = whole.split_horizontally(SIZE.0 - NAMES_COLUMN);
                name_beside(&names, lines)?;
                chart
            }
            false => whole.clone(),
        };
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .caption(&self.title, ("sans-serif", 16))
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|x| number(self.scale.value(*x)))
            .y_label_formatter(&|y| number(*y))
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .draw()?;
        for (number, line) in lines.iter().enumerate() {
            let (style, gap) = look_of(number);
            let points = line.points.iter().copied();
            let drawn = match gap {
                0 => chart.draw_series(LineSeries::new(points, style))?,
                gap => chart.draw_series(DashedLineSeries::new(points, 6, gap, style))?,
            };
            if !beside {
                let sample = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style);
                drawn.label(&line.name).legend(sample);
            }
            if let [point] = line.points[..] {
                chart.draw_series([Circle::new(point, 3, style.filled())])?;
            }
        }
        if 1 < lines.len() && !beside {
            chart
                .configure_series_labels()
                .position(free_corner(lines))
                .draw()?;
        }
        whole.present()?;
        Ok(())
    }
}

/// The colour of a line, and the gaps between its dashes: more lines than colours are told apart by these.
fn look_of(number: usize) -> (ShapeStyle, u32) {
    let colour = COLOURS[number % COLOURS.len()];
    let gap = [0, 4, 10][(number / COLOURS.len()).min(2)];
    (colour.stroke_width(2), gap)
}

/// The upper corner in which the names cover less: where the lines are lower.
fn free_corner(lines: &[Line]) -> SeriesLabelPosition {
    let all = || lines.iter().flat_map(|line| &line.points);
    let middle = range(all().map(|point| point.0)).map_or(0.0, |x| f64::midpoint(x.start, x.end));
    let highest = |is_right: bool| {
        let there = all().filter(|point| (middle < point.0) == is_right);
        there.map(|point| point.1).fold(f64::NEG_INFINITY, f64::max)
    };
    match highest(true) <= highest(false) {
        true => SeriesLabelPosition::UpperRight,
        false => SeriesLabelPosition::UpperLeft,
    }
}

/// The names of the lines, one below the other.
fn name_beside(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    for (number, (line, y)) in lines.iter().zip((24..).step_by(NAME as usize)).enumerate() {
        let (style, gap) = look_of(number);
        let pieces: &[(i32, i32)] = match gap {
            0 => &[(0, 20)],
            4 => &[(0, 8), (12, 20)],
            _ => &[(0, 5), (15, 20)],
        };
        for (from, to) in pieces {
            area.draw(&PathElement::new([(*from, y), (*to, y)], style))?;
        }
        let font = ("sans-serif", 12).into_font();
        area.draw(&Text::new(line.name.as_str(), (26, y - 6), font))?;
    }
    Ok(())
}

impl Scale {
    /// The place of a value on the axis.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
        }
    }

    /// The value at a place; of ratios two digits, since marks stand at equal steps of the exponent.
    fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Log => {
                let unit = 10_f64.powf(place.floor() - 1.0);
                (10_f64.powf(place) / unit).round() * unit
            }
        }
    }
}

impl Line {
    /// The line on an axis that counts so, below a ceiling.
    fn on(&self, scale: Scale, ceiling: Option<f64>) -> Self {
        let ceiling = ceiling.unwrap_or(f64::INFINITY);
        let points = self.points.iter();
        let points =
            points.map(|(x, y)| (scale.place(*x), if ceiling < *y { ceiling } else { *y }));
        Self {
            name: self.name.clone(),
            points: points.collect(),
        }
    }

    /// The line without points that are no numbers; `None` if none is left.
    fn finite(&self) -> Option<Self> {
        let is_finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let points: Vec<_> = self.points.iter().filter(is_finite).copied().collect();
        let name = self.name.clone();
        (!points.is_empty()).then_some(Self { name, points })
    }
}

/// From the least to the greatest, with some room where they are the same.
fn range(values: impl Iterator<Item = f64>) -> Option<std::ops::Range<f64>> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let room = match high - low {
        0.0 => 0.5 * low.abs().max(1e-3),
        width => 0.03 * width,
    };
    (low <= high).then_some(low - room..high + room)
}

/// A short number for an axis.
fn number(value: f64) -> String {
    let trimmed = |value: f64, digits: usize| {
        let text = format!("{value:.digits$}");
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        text.to_owned()
    };
    match value.abs() {
        size if size < 1e-12 => "0".to_owned(),
        1e6.. => trimmed(value / 1e6, 2) + "M",
        1e4.. => trimmed(value / 1e3, 1) + "k",
        size if size < 1e-3 => format!("{value:.1e}"),
        _ => trimmed(value, 4),
    }
}

/// Grey on either page.
const GRID: RGBAColor = RGBAColor(0x80, 0x80, 0x80, 0.3);

/// Black becomes the colour of the text around; a file of its own brings both pages' colour along.
fn adaptable(svg: &str) -> String {
    let style = "<style>svg{color:#1b1f24;background:transparent}@media (prefers-color-scheme:dark)\
                 {svg{color:#e6e6e6}}text{font-family:system-ui,sans-serif}</style>";
    let turned = svg.replace("\"#000000\"", "\"currentColor\"");
    match turned.find('>') {
        Some(end) => format!("{}{style}{}", &turned[..=end], &turned[end + 1..]),
        None => turned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> Chart {
        let line = |name: &str| Line {
            name: name.into(),
            points: points.to_vec(),
        };
        Chart {
            title: "test loss".into(),
            x: "examples",
            scale: Scale::Linear,
            ceiling: None,
            lines: vec![line("this"), line("that")],
        }
    }

    #[test]
    fn a_chart_names_its_axis_and_lines_and_has_no_fixed_black() {
        let svg = chart(&[(0.0, 0.7), (1e5, 0.5), (2e5, f64::NAN), (3e5, 0.4)])
            .svg()
            .unwrap();
        for word in [
            "<svg",
            "test loss",
            "examples",
            "this",
            "that",
            "currentColor",
            "300k",
        ] {
            assert!(svg.contains(word), "{word} in {svg}");
        }
        assert!(!svg.contains("#000000") && !svg.contains("NaN"));
    }

    #[test]
    fn what_has_no_number_is_not_drawn_and_one_number_is_a_dot() {
        assert_eq!(chart(&[]).svg(), None);
        assert_eq!(chart(&[(1.0, f64::NAN)]).svg(), None);
        assert!(chart(&[(1.0, 2.0)]).svg().unwrap().contains("<circle"));
    }

    #[test]
    fn many_lines_have_their_names_beside_the_chart_and_none_passes_the_ceiling() {
        let mut chart = chart(&[(0.0, 0.5), (1.0, 90.0), (2.0, 0.4)]);
        chart.ceiling = Some(0.7);
        let one = chart.lines[0].clone();
        let named = |number| Line {
            name: format!("line {number}"),
            ..one.clone()
        };
        chart.lines = (0..18).map(named).collect();
        let svg = chart.svg().unwrap();
        assert!((0..18).all(|number| svg.contains(&format!("line {number}"))));
        assert!(svg.contains("\n0.7\n") && !svg.contains("\n90\n"), "{svg}");
    }

    #[test]
    fn a_scale_of_ratios_gives_equal_steps_equal_room_and_leaves_zero_out() {
        let log = Chart {
            scale: Scale::Log,
            ..chart(&[(0.0, 0.9), (1.0, 0.5), (10.0, 0.5), (100.0, 0.5)])
        };
        let svg = log.svg().unwrap();
        assert!(svg.contains("\n100\n") && svg.contains("\n1\n"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn names_stand_where_the_lines_are_lower() {
        let at = |points: &[(f64, f64)]| {
            let line = Line {
                name: String::new(),
                points: points.to_vec(),
            };
            format!("{:?}", free_corner(&[line]))
        };
        assert_eq!(at(&[(0.0, 0.7), (1.0, 0.5)]), "UpperRight");
        assert_eq!(at(&[(0.0, 0.1), (1.0, 0.9)]), "UpperLeft");
    }

    #[test]
    fn marks_of_ratios_have_two_digits() {
        let shown = [0.0, 0.5, 1.5, 2.5, -1.0].map(|place| number(Scale::Log.value(place)));
        assert_eq!(shown, ["1", "3.2", "32", "320", "0.1"]);
    }

    #[test]
    fn numbers_of_an_axis_stay_short() {
        let shown = [0.0, 0.5, 12.0, 150_000.0, 2.5e6, 1e-5].map(number);
        assert_eq!(shown, ["0", "0.5", "12", "150k", "2.5M", "1.0e-5"]);
    }
}
