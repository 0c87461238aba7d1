//! Places of nodes and lines of edges.
//!
//! Agents make lanes from the top; their hosts and connectors lie at their height, managed systems at the mean height
//! of their connectors, as near as the others let them. Widths follow the labels, by a width of letters that no
//! common font exceeds.

use std::collections::HashMap;

use super::graph::{Column, Graph, Node, Tie};
use crate::hostlog::sanitize_line;
use crate::preflight::Severity;
use crate::ui::{shorten, width};

use super::super::page::Mark;

/// Units are pixels of the page.
const ROW: f64 = 40.0;
const BOX: f64 = 32.0;
const LANE_GAP: f64 = 12.0;
const COLUMN_GAP: f64 = 64.0;
const WIDEST_GAP: f64 = 130.0;
/// What a page has room for.
const PAGE: f64 = 1_212.0;
const TOP: f64 = 34.0;
const EDGE: f64 = 4.0;
const LETTER: f64 = 6.9;
/// What a box needs besides its label: mark and margins.
const AROUND: f64 = 46.0;
const NARROWEST: f64 = 132.0;
/// Four of them and the gaps are as wide as the page.
const WIDEST: f64 = 255.0;

/// A picture to draw.
#[derive(Clone, Debug)]
pub(in super::super) struct Picture {
    pub width: u32,
    pub height: u32,
    pub headings: Vec<(String, i32)>,
    /// What the headings count.
    pub counts: [usize; 4],
    pub boxes: Vec<Drawn>,
    pub lines: Vec<Line>,
    /// Whether boxes stand for several things.
    pub merged: bool,
    /// Whether boxes stand for names that the audit does not list.
    pub unknown: bool,
}

/// A box.
#[derive(Clone, Debug)]
pub(in super::super) struct Drawn {
    pub number: usize,
    /// Which column: `host`, `agent` ...
    pub kind: &'static str,
    pub label: String,
    pub about: String,
    /// All of the name, for a pointer and for a screen reader.
    pub title: String,
    /// Its plain name; nothing for several.
    pub name: Option<String>,
    pub mark: Option<Mark>,
    /// Whether it is only spoken of.
    pub unknown: bool,
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Drawn {
    pub(in super::super) fn label_y(&self) -> i32 {
        if self.about.is_empty() { self.y + 20 } else { self.y + 14 }
    }

    /// Where more is said about it.
    pub(in super::super) fn link(&self) -> &'static str {
        match (self.mark, self.kind) {
            (Some(_), _) => "#findings",
            (None, "host" | "agent") => "#agents",
            (None, _) => "#connectors",
        }
    }

    pub(in super::super) fn about_y(&self) -> i32 {
        self.y + 26
    }

    pub(in super::super) fn text_x(&self) -> i32 {
        self.x + 11
    }

    pub(in super::super) fn mark_x(&self) -> i32 {
        self.x + self.width - 25
    }

    pub(in super::super) fn mark_y(&self) -> i32 {
        self.y + self.height / 2 - 8
    }
}

/// A line between two boxes.
#[derive(Clone, Debug)]
pub(in super::super) struct Line {
    pub from: usize,
    pub to: usize,
    pub path: String,
    /// Whether the inventory alone says so.
    pub meant: bool,
}

/// Gives places.
pub(super) fn lay_out(graph: &Graph) -> Picture {
    let mut y = vec![0.0; graph.nodes.len()];
    let bottom = lanes(graph, &mut y).max(systems(graph, &mut y));
    let widths = Column::ALL.map(|column| {
        let nodes = graph.nodes.iter().filter(|node| node.column == column);
        nodes.map(room).fold(NARROWEST, f64::max)
    });
    let gap = ((PAGE - widths.iter().sum::<f64>()) / 3.0).clamp(COLUMN_GAP, WIDEST_GAP);
    let (mut x, mut left, mut headings) = (1.0, [0.0; 4], Vec::new());
    let counts = Column::ALL.map(|column| {
        graph.nodes.iter().filter(|node| node.column == column).map(|node| node.listed).sum::<usize>()
    });
    for (column, total) in Column::ALL.into_iter().zip(counts) {
        left[column.index()] = x;
        headings.push((super::super::page::some(total, column.noun()), round(x)));
        x += widths[column.index()] + gap;
    }
    let at = |index: usize| {
        let node = &graph.nodes[index];
        (left[node.column.index()], y[index], widths[node.column.index()])
    };
    let mut boxes: Vec<Drawn> =
        graph.nodes.iter().enumerate().map(|(number, node)| drawn(number, node, at(number))).collect();
    // The order of a keyboard and of a screen reader.
    boxes.sort_by_key(|one| (one.x, one.y));
    let lines = graph.edges.iter().map(|(&(from, to), &tie)| line(from, to, tie, at(from), at(to))).collect();
    Picture {
        width: round(x - gap + 1.0).unsigned_abs(),
        height: round(bottom + EDGE).unsigned_abs(),
        headings,
        counts,
        boxes,
        lines,
        merged: graph.nodes.iter().any(|node| node.count > 1),
        unknown: graph.nodes.iter().any(|node| node.listed == 0),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a picture is some thousand pixels wide and high")]
fn round(number: f64) -> i32 {
    number.round() as i32
}

fn room(node: &Node) -> f64 {
    let columns = width(&sanitize_line(&node.name)).max(width(&sanitize_line(&node.about)) * 9 / 10);
    (f64::from(u32::try_from(columns).unwrap_or(u32::MAX)) * LETTER + AROUND).clamp(NARROWEST, WIDEST)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "widths are small and positive")]
fn fitting(text: &str, room: f64, letter: f64) -> String {
    shorten(&sanitize_line(text), (room / letter) as usize).into_owned()
}

fn drawn(number: usize, node: &Node, (x, y, width): (f64, f64, f64)) -> Drawn {
    let found = match node.findings {
        0 => String::new(),
        some => format!(": {}", super::super::page::some(some, "finding")),
    };
    let worst = match node.worst {
        Some(Severity::Error) => ", worst an error",
        Some(Severity::Warning) => ", worst a warning",
        _ => "",
    };
    let title = match node.count {
        1 if node.listed == 0 => format!("{} {}, unknown{found}{worst}", node.column.noun(), node.name),
        1 => format!("{} {}{found}{worst}", node.column.noun(), node.name),
        _ => format!("{}{found}{worst}", node.name),
    };
    Drawn {
        number,
        kind: ["host", "agent", "connector", "system"][node.column.index()],
        label: fitting(&node.name, width - AROUND + LETTER, LETTER),
        about: fitting(&node.about, width - AROUND + LETTER, LETTER * 0.9),
        title,
        name: (node.count == 1).then(|| node.name.clone()),
        mark: node.worst.map(Mark),
        unknown: node.listed == 0,
        x: round(x),
        y: round(y),
        width: round(width),
        height: round(BOX),
    }
}

fn line(from: usize, to: usize, tie: Tie, a: (f64, f64, f64), b: (f64, f64, f64)) -> Line {
    let (x1, y1, x2, y2) = (a.0 + a.2, a.1 + BOX / 2.0, b.0, b.1 + BOX / 2.0);
    let bend = ((x2 - x1) / 2.0).max(20.0);
    let path = format!(
        "M{} {}C{} {} {} {} {} {}",
        round(x1),
        round(y1),
        round(x1 + bend),
        round(y1),
        round(x2 - bend),
        round(y2),
        round(x2),
        round(y2)
    );
    Line { from, to, path, meant: tie == Tie::Meant }
}

/// Agents with their hosts and connectors; what hangs on no agent comes last. Returns where the lowest ends.
fn lanes(graph: &Graph, y: &mut [f64]) -> f64 {
    let mut members: HashMap<usize, [Vec<usize>; 2]> = HashMap::new();
    let mut placed = vec![false; graph.nodes.len()];
    // A real tie decides before one that is only meant.
    for tie in [Tie::Real, Tie::Meant] {
        for (&(from, to), _) in graph.edges.iter().filter(|(_, known)| **known == tie) {
            let (agent, other, side) = match (graph.nodes[from].column, graph.nodes[to].column) {
                (_, Column::Agent) => (to, from, 0),
                (Column::Agent, _) => (from, to, 1),
                _ => continue,
            };
            if !std::mem::replace(&mut placed[other], true) {
                members.entry(agent).or_default()[side].push(other);
            }
        }
    }
    let mut agents: Vec<usize> =
        (0..graph.nodes.len()).filter(|&at| graph.nodes[at].column == Column::Agent).collect();
    let order = |at: &usize| {
        let node = &graph.nodes[*at];
        (node.count > 1, node.name.to_lowercase())
    };
    agents.sort_by_key(order);
    let mut top = TOP;
    for agent in agents {
        let mut sides = members.remove(&agent).unwrap_or_default();
        let rows = sides.iter().map(Vec::len).max().unwrap_or_default().max(1);
        let height = rows_high(rows);
        y[agent] = top + (height - BOX) / 2.0;
        for side in &mut sides {
            side.sort_by_key(order);
            stack(side, top + (height - rows_high(side.len())) / 2.0, y);
        }
        top += height + LANE_GAP;
    }
    let mut lowest = top;
    for column in [Column::Host, Column::Connector] {
        let mut loose: Vec<usize> =
            (0..graph.nodes.len()).filter(|&at| graph.nodes[at].column == column && !placed[at]).collect();
        loose.sort_by_key(order);
        stack(&loose, top, y);
        if !loose.is_empty() {
            lowest = lowest.max(top + rows_high(loose.len()) + LANE_GAP);
        }
    }
    lowest - LANE_GAP
}

fn rows_high(rows: usize) -> f64 {
    float(rows) * ROW - (ROW - BOX)
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn stack(nodes: &[usize], top: f64, y: &mut [f64]) {
    for (row, &node) in nodes.iter().enumerate() {
        y[node] = top + float(row) * ROW;
    }
}

/// Managed systems at the height of their connectors, without overlaps. Returns where the lowest ends.
fn systems(graph: &Graph, y: &mut [f64]) -> f64 {
    let mut wanted: HashMap<usize, (f64, f64)> = HashMap::new();
    for &(from, to) in graph.edges.keys() {
        if graph.nodes[to].column == Column::System {
            let sum = wanted.entry(to).or_default();
            *sum = (sum.0 + y[from], sum.1 + 1.0);
        }
    }
    let mut order: Vec<(f64, usize)> = (0..graph.nodes.len())
        .filter(|&at| graph.nodes[at].column == Column::System)
        .map(|at| (wanted.get(&at).map_or(f64::MAX, |(sum, many)| sum / many), at))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| graph.nodes[a.1].name.cmp(&graph.nodes[b.1].name)));
    let last = order.iter().map(|(at, _)| *at).filter(|at| *at < f64::MAX).fold(TOP, f64::max);
    let places = spread(&order.iter().map(|(at, _)| at.min(last + ROW)).collect::<Vec<_>>(), ROW, TOP);
    for ((_, node), place) in order.iter().zip(&places) {
        y[*node] = *place;
    }
    places.last().map_or(TOP, |last| last + BOX)
}

/// Moves ascending places as little as possible, until each is at least `apart` from the next and none above `top`:
/// neighbours that would overlap become a block around their mean.
fn spread(wanted: &[f64], apart: f64, top: f64) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    for (index, place) in wanted.iter().enumerate() {
        let mut block = (place - float(index) * apart, 1.0);
        while let Some(&(sum, many)) = blocks.last()
            && sum / many > block.0 / block.1
        {
            blocks.pop();
            block = (block.0 + sum, block.1 + many);
        }
        blocks.push(block);
    }
    let mut places = Vec::with_capacity(wanted.len());
    for (sum, many) in blocks {
        let mut left = many;
        while left > 0.5 {
            let free = sum / many + float(places.len()) * apart;
            let above = places.last().map_or(top, |last: &f64| last + apart);
            places.push(free.max(above));
            left -= 1.0;
        }
    }
    places
}
