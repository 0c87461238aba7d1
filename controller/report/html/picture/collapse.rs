//! Merges nodes of a large graph, so that what is left fits on a few screens: what has findings stays, worst first, and
//! the others are counted. A small graph stays as it is.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::graph::{Column, Graph, Node};
use crate::preflight::Severity;

/// Rows up to which nothing is merged, and of which a merged picture has about so many.
const ROWS: usize = 70;
/// Hosts or connectors of one agent that stay apart.
const OF_AGENT: usize = 5;
/// Managed systems that stay apart.
const SYSTEMS: usize = 60;

/// What a node becomes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Becomes {
    /// Itself.
    Itself(usize),
    /// Part of what is counted in a column, of one agent or of all the others.
    Counted(Column, Option<usize>),
}

/// An agent with what hangs on it.
struct Lane {
    agent: usize,
    hosts: Vec<usize>,
    connectors: Vec<usize>,
    worst: Option<Severity>,
    findings: usize,
}

/// Merges what is too much.
pub(super) fn collapse(graph: Graph) -> Graph {
    let of = |column| graph.nodes.iter().filter(|node| node.column == column).count();
    if Column::ALL.into_iter().all(|column| of(column) <= ROWS) {
        return graph;
    }
    let mut becomes: Vec<Becomes> =
        graph.nodes.iter().map(|node| Becomes::Counted(node.column, None)).collect();
    let mut rows = 0;
    for lane in lanes(&graph) {
        let height = [&lane.hosts, &lane.connectors].map(|nodes| nodes.len().min(OF_AGENT + 1));
        let height = height.into_iter().max().unwrap_or_default().max(1);
        if lane.worst.is_none() || rows + height > ROWS {
            continue;
        }
        rows += height;
        becomes[lane.agent] = Becomes::Itself(lane.agent);
        for nodes in [&lane.hosts, &lane.connectors] {
            keep_worst(&graph, nodes, Some(lane.agent), &mut becomes);
        }
    }
    let joined: HashSet<usize> = graph
        .edges
        .keys()
        .filter(|(from, to)| [from, to].iter().any(|at| graph.nodes[**at].column == Column::Agent))
        .flat_map(|&(from, to)| [from, to])
        .collect();
    let loose = |column| {
        let bad = move |(_, node): &(usize, &Node)| node.column == column && node.worst.is_some();
        let all = graph.nodes.iter().enumerate().filter(bad).map(|(at, _)| at);
        all.filter(|at| !joined.contains(at)).take(2 * OF_AGENT).collect::<Vec<_>>()
    };
    for column in [Column::Host, Column::Connector] {
        for at in loose(column) {
            becomes[at] = Becomes::Itself(at);
        }
    }
    keep_systems(&graph, &mut becomes);
    quotient(&graph, &becomes)
}

/// Agents, the worst first.
fn lanes(graph: &Graph) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut lane_of = HashMap::new();
    for (at, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.column == Column::Agent) {
        lane_of.insert(at, lanes.len());
        lanes.push(Lane {
            agent: at,
            hosts: vec![],
            connectors: vec![],
            worst: node.worst,
            findings: node.findings,
        });
    }
    let mut taken = vec![false; graph.nodes.len()];
    for &(from, to) in graph.edges.keys() {
        let (agent, other) = if lane_of.contains_key(&from) { (from, to) } else { (to, from) };
        let Some(&lane) = lane_of.get(&agent) else { continue };
        if std::mem::replace(&mut taken[other], true) {
            continue;
        }
        let (lane, node) = (&mut lanes[lane], &graph.nodes[other]);
        lane.worst = lane.worst.max(node.worst);
        lane.findings += node.findings;
        match node.column {
            Column::Host => lane.hosts.push(other),
            _ => lane.connectors.push(other),
        }
    }
    lanes.sort_by(|a, b| {
        let name = |lane: &Lane| &graph.nodes[lane.agent].name;
        (Reverse(a.worst), Reverse(a.findings))
            .cmp(&(Reverse(b.worst), Reverse(b.findings)))
            .then_with(|| name(a).cmp(name(b)))
    });
    lanes
}

/// Keeps the worst of an agent's nodes apart and counts the others; one alone is not worth counting.
fn keep_worst(graph: &Graph, nodes: &[usize], agent: Option<usize>, becomes: &mut [Becomes]) {
    let mut ranked = nodes.to_vec();
    ranked.sort_by_key(|&at| (Reverse(graph.nodes[at].worst), at));
    let bad = ranked.iter().filter(|&&at| graph.nodes[at].worst.is_some()).count();
    let mut keep = bad.min(OF_AGENT);
    if ranked.len() - keep == 1 {
        keep += 1;
    }
    for (rank, at) in ranked.into_iter().enumerate() {
        becomes[at] =
            if rank < keep { Becomes::Itself(at) } else { Becomes::Counted(graph.nodes[at].column, agent) };
    }
}

/// Keeps managed systems apart that something hangs on which is kept apart.
fn keep_systems(graph: &Graph, becomes: &mut [Becomes]) {
    let mut kept = 0;
    let mut systems: Vec<usize> =
        (0..graph.nodes.len()).filter(|&at| graph.nodes[at].column == Column::System).collect();
    systems.sort_by_key(|&at| (Reverse(graph.nodes[at].worst), at));
    let near: HashSet<usize> = graph
        .edges
        .keys()
        .filter(|(from, _)| matches!(becomes[*from], Becomes::Itself(_)))
        .map(|(_, to)| *to)
        .collect();
    for at in systems {
        if kept < SYSTEMS && (graph.nodes[at].worst.is_some() || near.contains(&at)) {
            becomes[at] = Becomes::Itself(at);
            kept += 1;
        }
    }
}

fn quotient(graph: &Graph, becomes: &[Becomes]) -> Graph {
    let mut merged = Graph::default();
    let mut known: HashMap<Becomes, usize> = HashMap::new();
    let mut into = Vec::with_capacity(graph.nodes.len());
    for (node, becomes) in graph.nodes.iter().zip(becomes) {
        let at = *known.entry(*becomes).or_insert_with(|| {
            let fresh = match becomes {
                Becomes::Itself(_) => Node { findings: 0, worst: None, count: 0, listed: 0, ..node.clone() },
                Becomes::Counted(column, _) => Node {
                    column: *column,
                    name: String::new(),
                    about: String::new(),
                    worst: None,
                    findings: 0,
                    count: 0,
                    listed: 0,
                },
            };
            merged.nodes.push(fresh);
            merged.nodes.len() - 1
        });
        let target = &mut merged.nodes[at];
        target.worst = target.worst.max(node.worst);
        target.findings += node.findings;
        target.count += node.count;
        target.listed += node.listed;
        into.push(at);
    }
    for node in merged.nodes.iter_mut().filter(|node| node.name.is_empty()) {
        node.name = super::super::page::some(node.count, node.column.noun());
        let bad = super::super::page::some(node.findings, "finding");
        node.about = if node.findings > 0 { format!("with {bad}") } else { "without findings".to_owned() };
    }
    for (&(from, to), &tie) in &graph.edges {
        merged.join(into[from], into[to], tie);
    }
    merged
}
