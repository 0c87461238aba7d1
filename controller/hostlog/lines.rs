//! What the host log says about an event.

use crate::executor::event::{Event, EventKind, Status, covered};

/// The line of an event, without its time, and what is written below it, indented. `step_told` says
/// whether the result of a step of the same task was written.
pub(super) fn lines_of(event: &Event, step_told: bool) -> Option<(String, Vec<String>)> {
    let step = event.step.unwrap_or_default();
    let task = event.task.as_deref().unwrap_or_default();
    let of_item =
        |item: &Option<String>| item.as_ref().map(|item| format!(" (item={item})")).unwrap_or_default();
    let mut body = Vec::new();
    let head = match &event.kind {
        EventKind::PlayStarted { play, .. } => format!("PLAY {play}"),
        EventKind::HostConnected { duration_ms, .. } => format!("connected in {duration_ms} ms"),
        EventKind::LeaseTaken { lease, folder, .. } => format!("lease {lease} in {folder}"),
        EventKind::StepStarted { item, module, for_host } => {
            let whose = for_host.as_ref().map(|host| format!(" for {host}")).unwrap_or_default();
            format!("step {step} TASK {task}{} [{module}]{whose}", of_item(item))
        }
        EventKind::RollbackPoint { point, covers, path, .. } => {
            format!("step {step} rollback point {point}: {}", covered(covers, path))
        }
        EventKind::PointRestored { point, covers, path } => {
            format!("restored point {point}: {}", covered(covers, path))
        }
        EventKind::GuardArmed { seconds, .. } => format!("guard armed for {seconds} s"),
        EventKind::GuardConfirmed { duration_ms } => {
            format!("guard confirmed over a new connection in {duration_ms} ms")
        }
        EventKind::GuardFired { points, reason } => {
            body.push(reason.clone());
            format!("guard fired, points restored: {points}")
        }
        EventKind::StepFinished { status, changed, rc, duration_ms, item, message, diff } => {
            body.extend(message.clone());
            body.extend(diff.clone());
            let word = status.word();
            let also = if *changed && *status != Status::Changed { " changed" } else { "" };
            let rc = rc.map(|rc| format!(" rc={rc}")).unwrap_or_default();
            format!("step {step} {word}{also}{rc} in {duration_ms} ms{}", of_item(item))
        }
        EventKind::TaskFinished { status, message, place, delegates, .. } => {
            match (step_told, status) {
                (true, Status::Ignored | Status::Rescued) => {}
                (true, _) => return None,
                (false, _) => body.extend(message.clone()),
            }
            let place = place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            format!("TASK {task} {}{}{place}", status.word(), crate::executor::arrow(delegates))
        }
        EventKind::HostFinished { status, message, hint } => {
            body.extend(message.clone());
            body.extend(hint.as_ref().map(|hint| format!("hint: {hint}")));
            format!("host {}", status.words())
        }
        EventKind::Paused { prompt, seconds } => {
            body.extend(prompt.clone());
            seconds.map_or_else(|| "paused".to_owned(), |seconds| format!("paused for {seconds} s"))
        }
        EventKind::Warning { message } => {
            body.push(message.clone());
            "warning".to_owned()
        }
        EventKind::RunCancelled { level } => format!("run cancelled ({level})"),
        EventKind::HostRestoring { points } => format!("restoring all points of the run: {points}"),
        EventKind::HostRestored { points } => format!("all points of the run restored: {points}"),
        EventKind::RunStarted { .. }
        | EventKind::WaveStarted { .. }
        | EventKind::StepOutput { .. }
        | EventKind::BudgetExceeded { .. }
        | EventKind::RunFinished { .. }
        | EventKind::Unknown => return None,
    };
    Some((head, body))
}
