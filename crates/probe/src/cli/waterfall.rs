//! Phases as bars on an axis of time that all hops of a run share.

use std::time::Duration;

use super::terminal::Terminal;

/// What stands before the bars of a line.
pub(crate) const MARGIN: usize = 26;
/// Wider is no clearer.
const MOST_CELLS: usize = 100;

/// From the start of a run to its end, in halves of characters.
pub(crate) struct Axis {
    total: Duration,
    cells: usize,
    unicode: bool,
}

impl Axis {
    pub(crate) fn new(total: Duration, terminal: Terminal) -> Self {
        let cells = terminal.width.saturating_sub(MARGIN + 1).clamp(10, MOST_CELLS);
        Self { total, cells, unicode: terminal.unicode }
    }

    /// A bar in its place. What took no time is seen all the same.
    pub(crate) fn bar(&self, start: Duration, time: Duration) -> String {
        let from = self.half(start).min(2 * self.cells - 1);
        let to = self.half(start + time).max(from + 1);
        let cell = |n| match ((from..to).contains(&(2 * n)), (from..to).contains(&(2 * n + 1))) {
            (false, false) => ' ',
            _ if !self.unicode => '#',
            (true, true) => '█',
            (true, false) => '▌',
            (false, true) => '▐',
        };
        (0..to.div_ceil(2)).map(cell).collect()
    }

    /// The axis itself.
    pub(crate) fn line(&self) -> String {
        let (start, line, end) = if self.unicode { ("├", "─", "┤") } else { ("|", "-", "|") };
        format!("{start}{}{end}", line.repeat(self.cells - 2))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 2 × MOST_CELLS
    fn half(&self, at: Duration) -> usize {
        let halves = 2 * self.cells;
        let share = at.as_secs_f64() / self.total.as_secs_f64().max(f64::MIN_POSITIVE);
        ((share * halves as f64).round() as usize).min(halves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(total: u64, unicode: bool) -> Axis {
        Axis::new(Duration::from_millis(total), Terminal { width: MARGIN + 11, unicode, color: false })
    }

    fn bar(axis: &Axis, start: u64, time: u64) -> String {
        axis.bar(Duration::from_millis(start), Duration::from_millis(time))
    }

    #[test]
    fn bars_stand_where_their_time_was() {
        let ms = axis(100, true);
        assert_eq!(bar(&ms, 0, 100), "██████████");
        assert_eq!(bar(&ms, 0, 5), "▌");
        assert_eq!(bar(&ms, 5, 20), "▐█▌");
        assert_eq!(bar(&ms, 50, 50), "     █████");
        assert_eq!(ms.line(), "├────────┤");
    }

    #[test]
    fn what_took_no_time_is_seen_within_the_axis() {
        let ms = axis(100, true);
        assert_eq!(bar(&ms, 40, 0), "    ▌");
        assert_eq!(bar(&ms, 100, 0), "         ▐");
        assert_eq!(bar(&axis(0, true), 0, 0), "▌");
    }

    #[test]
    fn ascii_does_without_halves() {
        let ms = axis(100, false);
        assert_eq!(bar(&ms, 5, 20), "###");
        assert_eq!(ms.line(), "|--------|");
    }
}
