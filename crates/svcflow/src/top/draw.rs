//! Draws the state; decides nothing.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row as Cells, Table};

use super::state::{COLUMNS, Row, State, View, totals};
use crate::units::{self, RATE_WIDTH};

const TITLES: [&str; COLUMNS] = ["ENDPOINT", "SERVICE", "PROVIDER", "IN/S", "OUT/S", "TOTAL"];
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const HELP: &str = "1 edges  2 services  3 endpoints  Tab next view\n\
    left/right  choose the sort column    r  reverse\n\
    up/down     scroll                    /  filter (Enter keeps, Esc clears)\n\
    space       pause                     ?  this help    q  quit\n\n\
    IN is towards the endpoint that opened the connection, OUT is from it.\n\
    A direct edge went to no service: no address was translated.";

pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let [head, spark, banner, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Line::from(header(state)), head);
    frame.render_widget(Line::from(sparkline(state, usize::from(spark.width))), spark);
    frame.render_widget(
        Line::styled(warning(state), Style::new().add_modifier(Modifier::BOLD)),
        banner,
    );
    if state.help {
        frame.render_widget(Paragraph::new(HELP), body);
    } else {
        frame.render_widget(table(state, body.width), body);
    }
    frame.render_widget(Line::from(footer(state)), foot);
}

fn header(state: &State) -> String {
    let Some(document) = &state.document else {
        return "svcflow  waiting for the agent's first look".to_owned();
    };
    let (bytes_in, bytes_out) = totals(document);
    let (bytes_in, bytes_out) = (units::rate(bytes_in), units::rate(bytes_out));
    format!(
        "svcflow  {}  {}  in {bytes_in:>RATE_WIDTH$}  out {bytes_out:>RATE_WIDTH$}  {} edges",
        document.node,
        document.source.name,
        document.edges.len()
    )
}

fn sparkline(state: &State, width: usize) -> String {
    let most = state.history.iter().copied().fold(1.0, f64::max);
    let skip = state.history.len().saturating_sub(width);
    let bar = |value: &f64| {
        // Eight steps; the comparison avoids a cast.
        let step = (1..8u8).filter(|step| value / most * 8.0 > f64::from(*step)).count();
        BARS.get(step).copied().unwrap_or('▁')
    };
    state.history.iter().skip(skip).map(bar).collect()
}

fn warning(state: &State) -> String {
    let lost = state.document.as_ref().and_then(crate::document::warning);
    match (&state.away, lost) {
        (Some(since), _) => format!("! no answer from the agent: last one {since}, retrying"),
        (None, Some(lost)) => format!("! {lost}"),
        (None, None) => String::new(),
    }
}

fn table(state: &State, width: u16) -> Table<'static> {
    let title = |(index, title): (usize, &&str)| {
        let mark = if index != state.sort {
            ""
        } else if state.reverse {
            "▲"
        } else {
            "▼"
        };
        let text = format!("{title}{mark}");
        if index < 3 { text } else { format!("{text:>RATE_WIDTH$}") }
    };
    let titles: Vec<String> = TITLES.iter().enumerate().map(title).collect();
    let rows = state.rows();
    let widths = widths(&rows, width);
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), units::rate);
    let rows = rows.into_iter().skip(state.scroll).map(|row| {
        let (rate_in, rate_out) = (rate(row.rate_in), rate(row.rate_out));
        let total = row.bytes.map_or_else(|| "?".to_owned(), units::bytes);
        Cells::new([
            fit(row.endpoint, widths[0]),
            fit(row.service, widths[1]),
            fit(row.provider, widths[2]),
            format!("{rate_in:>RATE_WIDTH$}"),
            format!("{rate_out:>RATE_WIDTH$}"),
            format!("{total:>RATE_WIDTH$}"),
        ])
    });
    Table::new(rows, widths)
        .header(Cells::new(titles).style(Style::new().add_modifier(Modifier::REVERSED)))
}

/// How wide columns are: the numbers' as ever; the others as their longest texts of all rows, so that scrolling
/// moves nothing. Where there isn't room for all, short texts are whole and the longest are cut.
fn widths(rows: &[Row], width: u16) -> [u16; COLUMNS] {
    const NUMBER: u16 = 9;
    let mut wanted = [0_u16; 3];
    for (title, wanted) in TITLES.iter().zip(&mut wanted) {
        // The mark of the sorted column stands behind its title.
        *wanted = length(title) + 1;
    }
    for row in rows {
        for (text, wanted) in [&row.endpoint, &row.service, &row.provider].iter().zip(&mut wanted) {
            *wanted = length(text).max(*wanted);
        }
    }
    let mut columns = [0, 0, 0, NUMBER, NUMBER, NUMBER];
    let gaps = u16::try_from(COLUMNS - 1).unwrap_or(0);
    let mut room = width.saturating_sub(3 * NUMBER + gaps);
    let mut shortest: Vec<(u16, usize)> = wanted.into_iter().zip(0..).collect();
    shortest.sort_unstable();
    for ((wanted, at), more) in shortest.into_iter().zip([3, 2, 1]) {
        // The widest takes what is left.
        let given = if more == 1 { room } else { wanted.min(room / more) };
        room -= given;
        if let Some(column) = columns.get_mut(at) {
            *column = given;
        }
    }
    columns
}

/// How many columns of the screen a text takes.
fn length(text: &str) -> u16 {
    u16::try_from(Line::raw(text).width()).unwrap_or(u16::MAX - 1)
}

/// The text, or as much of it as fits, with a sign that it was cut.
fn fit(mut text: String, width: u16) -> String {
    if length(&text) <= width {
        return text;
    }
    while length(&text) >= width && text.pop().is_some() {}
    text.push('…');
    text
}

fn footer(state: &State) -> String {
    if state.typing {
        return format!("/{}_", state.filter);
    }
    let view = match state.view {
        View::Edges => "edges",
        View::Services => "services",
        View::Endpoints => "endpoints",
    };
    let paused = if state.paused { "  PAUSED" } else { "" };
    let filter =
        if state.filter.is_empty() { String::new() } else { format!("  /{}", state.filter) };
    format!("{view}{paused}{filter}   1/2/3 view  / filter  space pause  ? help  q quit")
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;

    #[test]
    fn readable_at_80_and_120_columns() {
        let mut state = State::new();
        state.apply(crate::document::sample::document());
        for width in [80, 120] {
            let mut terminal = Terminal::new(TestBackend::new(width, 10)).unwrap();
            terminal.draw(|frame| draw(frame, &state)).unwrap();
            let screen = terminal.backend().to_string();
            for text in ["100.1.1.3:8080", "10.1.1.5:80", "direct", "1.20 MB/s", "lost: ended"] {
                assert!(screen.contains(text), "{text} at {width}:\n{screen}");
            }
        }
    }

    fn row(texts: [&str; 3]) -> Row {
        let [endpoint, service, provider] = texts.map(str::to_owned);
        Row { endpoint, service, provider, ..Row::default() }
    }

    #[test]
    fn long_names_get_the_room_that_there_is_and_say_where_they_are_cut() {
        let texts = ["fd11:1:1::2", "default:app-svc [fd64:1:1::3]:8080", "[fd10:1:1::14]:80"];
        let rows = [row(["11.1.1.2", "direct", "10.1.1.5:80"]), row(texts)];
        let shown = |width| {
            let widths = widths(&rows, width);
            assert_eq!(widths.iter().sum::<u16>() + 5, width);
            [0, 1, 2].map(|at| fit(texts[at].to_owned(), widths[at]))
        };
        assert_eq!(shown(120), texts);
        assert_eq!(shown(80), [texts[0], "default:app-svc [fd…", texts[2]]);
        assert_eq!(shown(50)[0], "fd11:…");
        assert_eq!(fit("日本語".to_owned(), 5), "日本…");
        assert_eq!(fit("ab".to_owned(), 0), "…");
    }
}
