//! The picture of an audit: hosts, agents, connectors and managed systems in four columns, findings in place.
//!
//! [`graph`] takes an audit apart, [`collapse`] merges what a reader of a large fleet would not look at, [`layout`]
//! gives places. What comes out is drawn by `picture.svg`.

mod collapse;
mod graph;
mod layout;

pub(super) use layout::Picture;

use crate::audit::Audit;

/// Draws an audit.
pub(super) fn picture(audit: &Audit) -> Picture {
    layout::lay_out(&collapse::collapse(graph::graph(audit)))
}
