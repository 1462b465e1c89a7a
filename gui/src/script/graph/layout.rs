//! Places for the nodes of a graph without cycles: in layers, operands above what uses them.
//!
//! Sugiyama's method in its small form. Layers by the longest path to the end, so that a leaf stands right above what reads
//! it. Edges over several layers get a bend in each. Orders within layers by barycentres, sweep after sweep, the best by
//! crossings kept. Then each layer is moved towards its neighbours by least squares under the distances that keep nodes
//! apart, which pooling solves exactly. Everything is in the order of the input, so the same graph looks the same.

use eframe::egui::{Pos2, Vec2, pos2};

/// Between nodes of a layer.
const BESIDE: f32 = 16.0;
/// Between an edge that passes a layer and what stands there.
const PASSING: f32 = 10.0;
/// Between layers.
const BETWEEN: f32 = 26.0;
/// Sweeps over all layers that look for fewer crossings.
const ORDER_SWEEPS: usize = 16;
/// Sweeps that straighten edges; the last goes down, so that a result stands under the middle of what it is made of.
const PLACE_SWEEPS: usize = 13;
/// Most bends in all; a graph that would need more has its longest edges drawn straight.
const MOST_BENDS: usize = 20_000;

/// A graph with places.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Centres of the nodes, in the order given.
    pub centres: Vec<Pos2>,
    /// What each edge passes on its way, in the order given: from its first node's lower side to its second's upper side.
    pub routes: Vec<Vec<Pos2>>,
    /// Of all nodes together; the upper left corner is the origin.
    pub size: Vec2,
}

/// Places nodes of these sizes. An edge goes from an operand to what uses it; edges only lead from lower to higher numbers
/// of `nodes`, as in an arena where operands come first.
pub fn place(sizes: &[Vec2], edges: &[(usize, usize)]) -> Placed {
    if sizes.is_empty() {
        return Placed::default();
    }
    let mut work = Work::new(sizes, edges);
    work.order();
    work.place()
}

/// A node or a bend.
struct Cell {
    /// Half its width, with half the distance that it keeps.
    reach: f32,
    layer: usize,
    above: Vec<usize>,
    below: Vec<usize>,
    is_bend: bool,
}

struct Work<'a> {
    sizes: &'a [Vec2],
    edges: &'a [(usize, usize)],
    cells: Vec<Cell>,
    layers: Vec<Vec<usize>>,
    /// The bends of each edge.
    bends: Vec<Vec<usize>>,
}

impl<'a> Work<'a> {
    fn new(sizes: &'a [Vec2], edges: &'a [(usize, usize)]) -> Self {
        // How far each node is from the end.
        let mut height = vec![0usize; sizes.len()];
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); sizes.len()];
        for &(from, to) in edges {
            users[from].push(to);
        }
        for node in (0..sizes.len()).rev() {
            height[node] = users[node].iter().map(|&user| height[user] + 1).max().unwrap_or(0);
        }
        let top = height.iter().copied().max().unwrap_or(0);
        let mut cells: Vec<Cell> = (0..sizes.len())
            .map(|node| Cell {
                reach: (sizes[node].x + BESIDE) / 2.0,
                layer: top - height[node],
                above: Vec::new(),
                below: Vec::new(),
                is_bend: false,
            })
            .collect();
        let longest = longest_with_bends(&cells, edges);
        let mut bends = Vec::with_capacity(edges.len());
        for &(from, to) in edges {
            let (first, last) = (cells[from].layer, cells[to].layer);
            let mut path = Vec::new();
            if last - first <= longest {
                let mut before = from;
                for layer in first + 1..last {
                    let bend = cells.len();
                    let reach = PASSING / 2.0;
                    cells.push(Cell { reach, layer, above: vec![before], below: Vec::new(), is_bend: true });
                    cells[before].below.push(bend);
                    path.push(bend);
                    before = bend;
                }
                cells[before].below.push(to);
                cells[to].above.push(before);
            }
            bends.push(path);
        }
        Self { sizes, edges, layers: first_order(&cells, top + 1), cells, bends }
    }

    /// Sweeps down and up, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        let mut rank = vec![0.0f32; self.cells.len()];
        let mut since = 0;
        for sweep in 0..ORDER_SWEEPS {
            for layer in &self.layers {
                for (place, &cell) in layer.iter().enumerate() {
                    rank[cell] = place as f32;
                }
            }
            let down = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let layer = if down { step } else { count - 1 - step };
                let mut keyed: Vec<(f32, usize)> = self.layers[layer]
                    .iter()
                    .map(|&cell| {
                        let neighbours = if down { &self.cells[cell].above } else { &self.cells[cell].below };
                        let sum: f32 = neighbours.iter().map(|&other| rank[other]).sum();
                        let own = rank[cell];
                        (if neighbours.is_empty() { own } else { sum / neighbours.len() as f32 }, cell)
                    })
                    .collect();
                // Stable: what is level stays in its order.
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                for (place, &(_, cell)) in keyed.iter().enumerate() {
                    rank[cell] = place as f32;
                    self.layers[layer][place] = cell;
                }
            }
            let crossings = self.crossings();
            since += 1;
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
                since = 0;
            }
            if best.0 == 0 || since == 4 {
                break;
            }
        }
        self.layers = best.1;
    }

    /// Crossings between neighbouring layers: inversions, counted with a Fenwick tree.
    fn crossings(&self) -> usize {
        let mut rank = vec![0usize; self.cells.len()];
        let mut total = 0;
        for (upper, lower) in self.layers.iter().zip(self.layers.iter().skip(1)) {
            for (place, &cell) in lower.iter().enumerate() {
                rank[cell] = place;
            }
            let mut tree = vec![0usize; lower.len() + 1];
            let mut seen = 0;
            for &cell in upper {
                let mut ends: Vec<usize> = self.cells[cell].below.iter().map(|&other| rank[other]).collect();
                ends.sort_unstable();
                for &end in &ends {
                    // Edges seen so far that end further right.
                    let mut at = end + 1;
                    let mut left = 0;
                    while at > 0 {
                        left += tree[at];
                        at &= at - 1;
                    }
                    total += seen - left;
                }
                for end in ends {
                    seen += 1;
                    let mut at = end + 1;
                    while at < tree.len() {
                        tree[at] += 1;
                        at += at & at.wrapping_neg();
                    }
                }
            }
        }
        total
    }

    fn place(self) -> Placed {
        let mut x = vec![0.0f32; self.cells.len()];
        for layer in &self.layers {
            let mut at = 0.0;
            for &cell in layer {
                x[cell] = at + self.cells[cell].reach;
                at += 2.0 * self.cells[cell].reach;
            }
            // Layers begin centred, so that none pulls all others to one side.
            for &cell in layer {
                x[cell] -= at / 2.0;
            }
        }
        for sweep in 0..PLACE_SWEEPS {
            let down = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 0..count {
                let layer = &self.layers[if down { step } else { count - 1 - step }];
                self.straighten(layer, down, sweep + 1 == PLACE_SWEEPS, &mut x);
            }
        }
        self.finish(&x)
    }

    /// Moves a layer's cells towards those that they are connected with.
    fn straighten(&self, layer: &[usize], down: bool, last: bool, x: &mut [f32]) {
        let wanted: Vec<(f32, f32)> = layer
            .iter()
            .map(|&cell| {
                let this = &self.cells[cell];
                let (mut sum, mut weight) = (0.0, 0.0);
                let sides = [(&this.above, down), (&this.below, !down)];
                for (neighbours, ahead) in sides {
                    // By where the sweep comes from; a little by the other side too, until the end.
                    let side = match (ahead, last) {
                        (true, _) => 1.0,
                        (false, false) => 0.15,
                        (false, true) => 0.01,
                    };
                    for &other in neighbours {
                        // A straight line is worth more than a short one.
                        let stiff = if this.is_bend && self.cells[other].is_bend { 8.0 } else { 1.0 };
                        sum += x[other] * side * stiff;
                        weight += side * stiff;
                    }
                }
                if weight > 0.0 { (sum / weight, weight) } else { (x[cell], 0.01) }
            })
            .collect();
        let reaches: Vec<f32> = layer.iter().map(|&cell| self.cells[cell].reach).collect();
        for (&cell, at) in layer.iter().zip(apart(&wanted, &reaches)) {
            x[cell] = at;
        }
    }

    /// Into the quadrant that begins at the origin, with layers below one another.
    fn finish(&self, x: &[f32]) -> Placed {
        let nodes = 0..self.sizes.len();
        let left = self.cells.iter().zip(x).map(|(cell, x)| x - cell.reach).fold(f32::INFINITY, f32::min);
        let right = self.cells.iter().zip(x).map(|(cell, x)| x + cell.reach).fold(0.0, f32::max);
        let mut tops = Vec::with_capacity(self.layers.len());
        let mut y = 0.0;
        for layer in &self.layers {
            let nodes = layer.iter().filter(|&&cell| !self.cells[cell].is_bend);
            let height = nodes.map(|&cell| self.sizes[cell].y).fold(0.0, f32::max);
            tops.push((y, height));
            y += height + BETWEEN;
        }
        let centre = |cell: usize| {
            let (top, height) = tops[self.cells[cell].layer];
            pos2(x[cell] - left, top + height / 2.0)
        };
        let centres: Vec<Pos2> = nodes.map(centre).collect();
        let routes = self.edges.iter().zip(&self.bends).map(|(&(from, to), bends)| {
            let start = centres[from] + Vec2::new(0.0, self.sizes[from].y / 2.0);
            let end = centres[to] - Vec2::new(0.0, self.sizes[to].y / 2.0);
            std::iter::once(start).chain(bends.iter().map(|&bend| centre(bend))).chain([end]).collect()
        });
        Placed { routes: routes.collect(), centres, size: Vec2::new(right - left, (y - BETWEEN).max(0.0)) }
    }
}

/// The longest edges that get bends, so that there are not too many.
fn longest_with_bends(cells: &[Cell], edges: &[(usize, usize)]) -> usize {
    let mut lengths: Vec<usize> =
        edges.iter().map(|&(from, to)| cells[to].layer - cells[from].layer).collect();
    lengths.sort_unstable();
    let mut bends = 0;
    for length in lengths {
        bends += length.saturating_sub(1);
        if bends > MOST_BENDS {
            return length.saturating_sub(1).max(1);
        }
    }
    usize::MAX
}

/// Layers in the order in which a walk from the last nodes up meets them: what belongs together stands together.
fn first_order(cells: &[Cell], count: usize) -> Vec<Vec<usize>> {
    let mut layers = vec![Vec::new(); count];
    let mut met = vec![false; cells.len()];
    let ends: Vec<usize> = (0..cells.len()).filter(|&cell| cells[cell].below.is_empty()).collect();
    for end in ends {
        let mut stack = vec![end];
        while let Some(cell) = stack.pop() {
            if std::mem::replace(&mut met[cell], true) {
                continue;
            }
            layers[cells[cell].layer].push(cell);
            stack.extend(cells[cell].above.iter().rev());
        }
    }
    layers
}

/// The places nearest to those that are `wanted` (place and weight), by weighted least squares, that keep the order and the
/// distances `reach + reach` of neighbours.
fn apart(wanted: &[(f32, f32)], reaches: &[f32]) -> Vec<f32> {
    // With the distances taken off, only the order is left to keep: pools of equal places, merged while they are in the
    // wrong order.
    let mut offsets = Vec::with_capacity(wanted.len());
    let mut at = 0.0;
    for (index, reach) in reaches.iter().enumerate() {
        at += if index == 0 { 0.0 } else { reaches[index - 1] + reach };
        offsets.push(at);
    }
    let mut pools: Vec<(f32, f32, usize)> = Vec::with_capacity(wanted.len());
    for (&(place, weight), offset) in wanted.iter().zip(&offsets) {
        let mut pool = (place - offset, weight, 1);
        while let Some(&(before, other, many)) = pools.last() {
            if before <= pool.0 {
                break;
            }
            let together = other + pool.1;
            pool = ((before * other + pool.0 * pool.1) / together, together, many + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    let places = pools.into_iter().flat_map(|(place, _, many)| std::iter::repeat_n(place, many));
    places.zip(offsets).map(|(place, offset)| place + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::Rect;

    /// Layered at random, the same in every run: each node reads one to three earlier ones, mostly near ones.
    fn random(nodes: usize, seed: u64) -> (Vec<Vec2>, Vec<(usize, usize)>) {
        let mut state = seed;
        let mut draw = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        let sizes =
            (0..nodes).map(|_| Vec2::new(40.0 + draw(90) as f32, 30.0 + 8.0 * draw(2) as f32)).collect();
        let mut edges = Vec::new();
        for node in 1..nodes {
            for _ in 0..1 + draw(2) {
                let back = if draw(8) == 0 { 1 + draw(node) } else { 1 + draw(node.min(9)) };
                edges.push((node - back, node));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        (sizes, edges)
    }

    fn rects(sizes: &[Vec2], placed: &Placed) -> Vec<Rect> {
        sizes.iter().zip(&placed.centres).map(|(size, at)| Rect::from_center_size(*at, *size)).collect()
    }

    #[test]
    fn nodes_do_not_overlap_and_edges_go_down() {
        for (nodes, seed) in [(1, 1), (2, 1), (30, 2), (200, 3), (500, 4)] {
            let (sizes, edges) = random(nodes, seed);
            let placed = place(&sizes, &edges);
            let rects = rects(&sizes, &placed);
            for (index, a) in rects.iter().enumerate() {
                for b in &rects[..index] {
                    let both = a.intersect(*b);
                    assert!(both.width() <= 0.01 || both.height() <= 0.01, "{a:?} {b:?}");
                }
                assert!(
                    a.min.x >= -0.01 && a.max.x <= placed.size.x + 0.01 && a.max.y <= placed.size.y + 0.01
                );
            }
            for (&(from, to), route) in edges.iter().zip(&placed.routes) {
                assert!(rects[from].max.y < rects[to].min.y, "{from} {to}");
                assert!(route.windows(2).all(|pair| pair[0].y < pair[1].y), "{route:?}");
                assert!((route[0].y - rects[from].max.y).abs() < 0.01);
                assert!((route[route.len() - 1].y - rects[to].min.y).abs() < 0.01);
            }
        }
    }

    #[test]
    fn a_tree_has_no_crossing_and_stands_over_its_middle() {
        // Four leaves, two sums, one sum of both; the leaves in an order that crosses.
        let sizes = vec![Vec2::new(50.0, 30.0); 7];
        let edges = [(0, 4), (2, 4), (1, 5), (3, 5), (4, 6), (5, 6)];
        let mut work = Work::new(&sizes, &edges);
        work.order();
        assert_eq!(work.crossings(), 0);
        let placed = work.place();
        let x = |node: usize| placed.centres[node].x;
        assert!((x(6) - (x(4) + x(5)) / 2.0).abs() < 1.0, "{placed:?}");
        assert!((x(4) - (x(0) + x(2)) / 2.0).abs() < 1.0, "{placed:?}");
    }

    #[test]
    fn crossings_are_counted_as_pairs() {
        let (sizes, edges) = random(60, 7);
        let work = Work::new(&sizes, &edges);
        let mut slow = 0;
        for (upper, lower) in work.layers.iter().zip(work.layers.iter().skip(1)) {
            let place = |cell: usize| lower.iter().position(|&other| other == cell).expect("the layer below");
            let ends: Vec<(usize, usize)> = (upper.iter().enumerate())
                .flat_map(|(rank, &cell)| work.cells[cell].below.iter().map(move |&to| (rank, place(to))))
                .collect();
            for (index, a) in ends.iter().enumerate() {
                slow += ends[..index]
                    .iter()
                    .filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1))
                    .count();
            }
        }
        assert_eq!(work.crossings(), slow);
        assert!(slow > 0, "a test without crossings tells nothing");
    }

    #[test]
    fn places_are_the_nearest_that_keep_apart() {
        let at = apart(&[(0.0, 1.0), (0.0, 1.0), (100.0, 1.0)], &[5.0, 5.0, 5.0]);
        assert_eq!(at, [-5.0, 5.0, 100.0]);
        let at = apart(&[(0.0, 3.0), (0.0, 1.0)], &[2.0, 2.0]);
        assert_eq!(at, [-1.0, 3.0]);
    }

    #[test]
    fn an_edge_over_many_layers_passes_beside_what_stands_between() {
        let sizes = vec![Vec2::new(60.0, 30.0); 5];
        let edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)];
        let placed = place(&sizes, &edges);
        let rects = rects(&sizes, &placed);
        for point in &placed.routes[4][1..4] {
            assert!(rects[1..4].iter().all(|rect| !rect.contains(*point)), "{placed:?}");
        }
    }

    #[test]
    fn a_graph_that_is_far_too_deep_is_placed_all_the_same() {
        let nodes = 4000;
        let sizes = vec![Vec2::new(60.0, 30.0); nodes];
        let edges: Vec<(usize, usize)> = (1..nodes).flat_map(|node| [(node - 1, node), (0, node)]).collect();
        let placed = place(&sizes, &edges);
        assert_eq!(placed.routes.len(), edges.len());
        assert!(placed.centres.windows(2).all(|pair| pair[0].y < pair[1].y));
    }

    /// Prints what a layout takes; says nothing by itself.
    #[test]
    #[expect(clippy::print_stdout, reason = "what it is for")]
    fn time_of_a_layout() {
        for nodes in [100, 500, 2000, 8000] {
            let (sizes, edges) = random(nodes, 5);
            let start = std::time::Instant::now();
            let placed = place(&sizes, &edges);
            println!("{nodes} nodes, {} edges: {:?}, {:?}", edges.len(), start.elapsed(), placed.size);
        }
    }
}
