//! `svcflow top`: keys and looks in, frames out.

mod draw;
mod state;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use svcflow_agent::EdgesDocument;

use self::state::{COLUMNS, State, View};
use crate::args::TopArgs;
use crate::client::{Client, ClientError};
use crate::exit::CliError;
use crate::until::Until;

/// Shows an agent until the user quits, or until `end`.
pub(crate) fn run(args: &TopArgs, end: &Until) -> Result<(), CliError> {
    let client = Client::new(&args.agent.agent, &args.agent.access)?;
    if !crate::output::is_terminal() {
        return Err(CliError::NoTerminal);
    }
    let filter = args.filter.filter.clone();
    let first = client.filtered(&filter)?;
    // One look waits at most; the poller blocks rather than queueing old ones.
    let (send, looks) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        while send.send(client.filtered(&filter)).is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let mut terminal = ratatui::try_init().map_err(CliError::Terminal)?;
    let result = watch(&mut terminal, first, &looks, end);
    ratatui::restore();
    result.map_err(CliError::Terminal)
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    first: EdgesDocument,
    looks: &mpsc::Receiver<Result<EdgesDocument, ClientError>>,
    end: &Until,
) -> std::io::Result<()> {
    let mut state = State::new();
    state.apply(first);
    let mut answered = Instant::now();
    while !end.is_over() {
        while let Ok(look) = looks.try_recv() {
            match look {
                Ok(document) => {
                    answered = Instant::now();
                    state.apply(document);
                }
                Err(_) => state.away = Some(format!("{} s ago", answered.elapsed().as_secs())),
            }
        }
        terminal.draw(|frame| draw::draw(frame, &state))?;
        if event::poll(Duration::from_millis(200))?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && press(&mut state, key)
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether to quit.
fn press(state: &mut State, key: KeyEvent) -> bool {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return true;
    }
    if state.typing {
        type_filter(state, key.code);
        return false;
    }
    match key.code {
        KeyCode::Char('q') => return true,
        KeyCode::Char('1') => state.view = View::Edges,
        KeyCode::Char('2') => state.view = View::Services,
        KeyCode::Char('3') => state.view = View::Endpoints,
        KeyCode::Tab => {
            state.view = match state.view {
                View::Edges => View::Services,
                View::Services => View::Endpoints,
                View::Endpoints => View::Edges,
            }
        }
        KeyCode::Left => state.sort = (state.sort + COLUMNS - 1) % COLUMNS,
        KeyCode::Right => state.sort = (state.sort + 1) % COLUMNS,
        KeyCode::Up => state.scroll = state.scroll.saturating_sub(1),
        KeyCode::Down => {
            state.scroll = (state.scroll + 1).min(state.rows().len().saturating_sub(1));
        }
        KeyCode::Char('r') => state.reverse = !state.reverse,
        KeyCode::Char(' ') => state.paused = !state.paused,
        KeyCode::Char('?') => state.help = !state.help,
        KeyCode::Char('/') => state.typing = true,
        _ => {}
    }
    false
}

fn type_filter(state: &mut State, key: KeyCode) {
    state.scroll = 0;
    match key {
        KeyCode::Enter => state.typing = false,
        KeyCode::Esc => {
            state.filter.clear();
            state.typing = false;
        }
        KeyCode::Backspace => {
            state.filter.pop();
        }
        KeyCode::Char(letter) => state.filter.push(letter),
        _ => {}
    }
}
