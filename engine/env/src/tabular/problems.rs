//! The problems themselves.

use super::TabularMdp;

/// Chance that a move goes astray, in both problems.
const SLIP: f64 = 0.1;

/// Ten states in a row and a terminal one, number 10. `LEFT` and `RIGHT` move by one, stopping at the ends; with
/// probability 0.1 the move goes the other way. `LEFT` in state 0 earns 0.005; either action in state 9 earns 1 and
/// terminates. Episodes start in state 0.
///
/// The near reward is a trap: learning to collect it is easy, and worth less than the walk. (From 0.008 on, at γ = 0.99,
/// it would be worth a step to the left on the way.)
pub fn chain() -> TabularMdp {
    const LENGTH: usize = 10;
    const GOAL: usize = LENGTH - 1;
    const END: usize = LENGTH;
    let mut mdp = TabularMdp::blank(LENGTH + 1, &["LEFT", "RIGHT"]);
    mdp.initial[0] = 1.0;
    mdp.terminal[END] = true;
    for state in 0..GOAL {
        let (left, right) = (state.saturating_sub(1), state + 1);
        mdp.set_next(state, 0, [(left, 1.0 - SLIP), (right, SLIP)]);
        mdp.set_next(state, 1, [(right, 1.0 - SLIP), (left, SLIP)]);
    }
    mdp.set_reward(0, 0, 0.005);
    for action in 0..2 {
        mdp.set_next(GOAL, action, [(END, 1.0)]);
        mdp.set_reward(GOAL, action, 1.0);
    }
    mdp
}

/// Start, goal, pits and walls of [`gridworld`].
const MAZE: [&str; 4] = ["S....", ".#.P.", "...#.", ".P..G"];

/// A maze of 4 rows and 5 columns; states are its open cells row by row, then a terminal one.
///
/// ```text
/// S . . . .
/// . # . P .
/// . . . # .
/// . P . . G
/// ```
/// `UP`, `RIGHT`, `DOWN`, `LEFT` move by one cell; with probability 0.1 the direction is drawn uniformly from the four
/// instead. Walls and the border stop a move. Each move costs 0.01. Any action in the goal earns +1 and in a pit −1,
/// and terminates. Episodes start at `S`.
pub fn gridworld() -> TabularMdp {
    let (rows, columns) = (MAZE.len() as isize, MAZE[0].len() as isize);
    let cell = |row: isize, column: isize| MAZE[row as usize].as_bytes()[column as usize];
    let inside =
        |row, column| (0..rows).contains(&row) && (0..columns).contains(&column) && cell(row, column) != b'#';
    let open: Vec<(isize, isize)> =
        (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))).filter(|&(r, c)| inside(r, c)).collect();

    const MOVES: [(isize, isize); 4] = [(-1, 0), (0, 1), (1, 0), (0, -1)];
    let end = open.len();
    let mut mdp = TabularMdp::blank(end + 1, &["UP", "RIGHT", "DOWN", "LEFT"]);
    mdp.terminal[end] = true;
    for (state, &(row, column)) in open.iter().enumerate() {
        let landing = |(down, right): (isize, isize)| {
            // A move into a wall or off the board is found among no open cells and stays.
            open.iter().position(|&to| to == (row + down, column + right)).unwrap_or(state)
        };
        let prize = match cell(row, column) {
            b'G' => Some(1.0),
            b'P' => Some(-1.0),
            _ => None,
        };
        if cell(row, column) == b'S' {
            mdp.initial[state] = 1.0;
        }
        for (action, &direction) in MOVES.iter().enumerate() {
            match prize {
                Some(prize) => {
                    mdp.set_next(state, action, [(end, 1.0)]);
                    mdp.set_reward(state, action, prize);
                }
                None => {
                    let astray = MOVES.iter().map(|&direction| (landing(direction), SLIP / 4.0));
                    mdp.set_next(state, action, astray.chain([(landing(direction), 1.0 - SLIP)]));
                    mdp.set_reward(state, action, -0.01);
                }
            }
        }
    }
    mdp
}
