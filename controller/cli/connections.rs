//! Finds connection variables that are wrong as they are written, before any host is touched.
//!
//! Values that only a run can know make their host unreachable when it is its turn.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use super::load::Reach;
use crate::executor::{PreparedPlay, connection_variable, lease_seconds};
use crate::plan::{HostScope, HostValues, LoopScope, RunScope, TaskScope};
use crate::source::{Diagnostic, Diagnostics, Node};
use crate::template::{Binding, Engine, Scope as _};
use crate::transport::{TransportError, Via, winrm};

/// Checks how the hosts of all plays are reached; each mistake is told once, however many hosts have it.
pub(super) fn check(
    plays: &[PreparedPlay],
    run: &Arc<RunScope>,
    engine: &Engine,
    reach: &Reach,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut told = HashSet::new();
    for play in plays {
        let keyword =
            |name: &str| play.context.connection.iter().find(|(key, _)| *key == name).map(|(_, node)| node);
        for host in play.waves.iter().flatten() {
            let learned = RwLock::new(HostValues::default());
            let scope = HostScope {
                run,
                play: Some(&play.context.scope),
                host,
                learned: &learned,
                task: TaskScope::default(),
                item: LoopScope::default(),
            };
            let known = run.inventory.host(&host.0).map(|known| &known.variables);
            for (name, candidates) in known.into_iter().flatten() {
                let Some((what, candidate)) = winrm::unknown(name).zip(candidates.last()) else { continue };
                if told.insert((candidate.node.span.place(), what.clone())) {
                    diagnostics.push(diagnostic(&candidate.node, name, &what));
                }
            }
            // What was found wrong is passed over, so that the next mistake of the host is found too.
            let wrong = RefCell::new(HashSet::new());
            let variable = |name: &str| {
                if wrong.borrow().contains(name) {
                    return Ok(None);
                }
                connection_variable(engine, &scope, name, keyword(name))
            };
            let look = || {
                let target = reach.target(host, &run.inventory, &variable)?;
                if let Via::WinRm(setting) = &target.via {
                    setting.check_files(&host.0)?;
                }
                lease_seconds(host, &variable)
            };
            while let Err(TransportError::Setting { variable, what, .. }) = look() {
                // What is missing only because it was passed over is no mistake of its own.
                if wrong.borrow().contains(&variable) {
                    break;
                }
                let node = match scope.lookup(&variable) {
                    Some(Binding::Source(node)) => Some(node),
                    _ => keyword(&variable).cloned(),
                };
                if let Some(node) = node.filter(|node| is_literal(node))
                    && told.insert((node.span.place(), what.clone()))
                {
                    diagnostics.push(diagnostic(&node, &variable, &what));
                }
                wrong.borrow_mut().insert(variable);
            }
        }
    }
    diagnostics
}

fn diagnostic(node: &Node, variable: &str, what: &str) -> Diagnostic {
    let (what, hint) = match what.split_once("\nhint: ") {
        Some((what, hint)) => (what, Some(hint.to_owned())),
        None => (what, None),
    };
    let error = Diagnostic::error(&node.span, format!("`{variable}`: {what}"));
    Diagnostic { hint, ..error }
}

fn is_literal(node: &Node) -> bool {
    !node.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
}
