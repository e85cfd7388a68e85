//! Whatever happens in whatever order, and whenever it is written: what is read is what was told.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// So many seconds after the begin; clocks go backwards too.
    Run(u64, State),
    Commit,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![Just(State::Up), Just(State::Slow), Just(State::Down), Just(State::Unknown)];
    prop_oneof![6 => (0..DAY, state).prop_map(|(at, state)| Step::Run(at, state)), 2 => Just(Step::Commit), 1 => Just(Step::Restart)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_run_is_counted_once_in_each_roll_up(steps in prop::collection::vec(step(), 1..60)) {
        let folder = Folder::new();
        let mut told = Told::new(folder.open().0);
        let begin = SystemTime::now() - Duration::from_secs(DAY);
        let (mut expected, mut minutes) = (Counts::default(), std::collections::BTreeMap::<u32, u64>::new());
        for step in steps {
            match step {
                Step::Run(at, state) => {
                    let at = begin + Duration::from_secs(at);
                    let reason = matches!(state, State::Down | State::Unknown).then_some(Reason::DnsFailure);
                    told.history.ended(&told.track, &told.target, &report(at, reason), state);
                    *minutes.entry(Span::Minute.number(at)).or_default() += 1;
                    expected.good += u32::from(reason.is_none());
                    expected.slow += u32::from(state == State::Slow);
                    expected.failed += u32::from(state == State::Down);
                    expected.unknown += u32::from(state == State::Unknown);
                }
                Step::Commit => told.history.commit(),
                Step::Restart => {
                    drop(told);
                    told = Told::new(folder.open().0);
                }
            }
            let now = begin + Duration::from_secs(DAY);
            for span in [Span::Hour, Span::Day] {
                prop_assert_eq!(told.sum(span, now), expected);
            }
            // All but those that are too old by now.
            let past = told.past().cells(Span::Minute, Span::Minute.kept(), now);
            let first = Span::Minute.number(now) - Span::Minute.kept() + 1;
            let kept: Vec<_> = minutes.range(first..).map(|(minute, runs)| (*minute, *runs)).collect();
            prop_assert_eq!(past.iter().map(|(minute, cell)| (*minute, cell.counts.scheduled())).collect::<Vec<_>>(), kept);
            let lasting = told.past().incidents().iter().filter(|(_, incident)| incident.end.is_none()).count();
            prop_assert!(lasting <= 1);
        }
    }
}
