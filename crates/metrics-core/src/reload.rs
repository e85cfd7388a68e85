//! Whether a configuration that can be read again is the one that runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use prometheus::Registry;

use crate::family::{Family, LabelValue, Value};
use crate::register::{RegisterError, register};
use crate::source::{Snapshot, Source};
use crate::unix_seconds;

/// How loading a configuration went: `…_last_reload_successful` and `…_last_reload_success_timestamp_seconds`, as
/// Prometheus says it of its own. Clones share their series, which are absent before the configuration was first loaded.
///
/// ```
/// use metrics_core::{ReloadMetrics, prometheus::Registry};
///
/// let registry = Registry::new();
/// let reload = ReloadMetrics::register(&registry, "shop_config")?;
/// reload.succeeded();
/// reload.failed();
/// let names: Vec<_> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
/// assert_eq!(names, ["shop_config_last_reload_success_timestamp_seconds", "shop_config_last_reload_successful"]);
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct ReloadMetrics(Arc<Reload>);

struct Reload {
    families: [Family; 2],
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    successful: Option<bool>,
    success: Option<SystemTime>,
}

impl ReloadMetrics {
    /// Registers the two families in `registry`; `prefix` is what their names begin with, without the last `_`.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is taken or not legal, or if the registry has a prefix or common labels. The registry
    /// is then as it was.
    pub fn register(registry: &Registry, prefix: &str) -> Result<Self, RegisterError> {
        let family = |name: &str, help| {
            let mut family = Family::gauge("", help, &[]);
            family.name = format!("{prefix}_{name}").into();
            family
        };
        let families = [
            family("last_reload_successful", "Whether the last attempt to load the configuration succeeded"),
            family(
                "last_reload_success_timestamp_seconds",
                "Unix time at which the configuration was last loaded successfully",
            ),
        ];
        let reload = Arc::new(Reload { families, last: Mutex::default() });
        register(registry, reload.clone())?;
        Ok(Self(reload))
    }

    /// The configuration was loaded, at the start or again.
    pub fn succeeded(&self) {
        *self.0.last() = Last { successful: Some(true), success: Some(SystemTime::now()) };
    }

    /// The configuration could not be loaded; the one before goes on.
    pub fn failed(&self) {
        self.0.last().successful = Some(false);
    }
}

impl Reload {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Reload {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        let last = self.last();
        Arc::new(ReloadSnapshot([last.successful.map(f64::from), last.success.map(unix_seconds)]))
    }
}

/// By family.
struct ReloadSnapshot([Option<f64>; 2]);

impl Snapshot for ReloadSnapshot {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, family: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        if let Some(value) = self.0[family] {
            series(&[], Value::Gauge(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(reload: &ReloadMetrics) -> [Option<f64>; 2] {
        let snapshot = reload.0.clone().snapshot();
        [0, 1].map(|family| {
            let mut read = None;
            snapshot.read(family, 0, &mut |_, value| {
                let Value::Gauge(value) = value else { panic!("{value:?}") };
                assert_eq!(read.replace(value), None);
            });
            read
        })
    }

    #[test]
    fn what_fails_leaves_the_time_of_the_last_success() {
        let registry = Registry::new();
        let reload = ReloadMetrics::register(&registry, "a_config").unwrap();
        assert_eq!(values(&reload), [None, None]);
        reload.failed();
        assert_eq!(values(&reload), [Some(0.0), None]);
        let before = unix_seconds(SystemTime::now());
        reload.succeeded();
        let [successful, at] = values(&reload);
        assert_eq!(successful, Some(1.0));
        assert!(at >= Some(before), "{at:?}");
        reload.failed();
        assert_eq!(values(&reload), [Some(0.0), at]);
    }

    #[test]
    fn each_configuration_of_a_program_has_its_own() {
        let registry = Registry::new();
        let reloads = ["a_config", "a_web_config"].map(|prefix| ReloadMetrics::register(&registry, prefix).unwrap());
        reloads[1].succeeded();
        let names: Vec<_> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(
            names,
            ["a_web_config_last_reload_success_timestamp_seconds", "a_web_config_last_reload_successful"]
        );
        for (prefix, taken) in [("a_config", true), ("a-config", false)] {
            let error = ReloadMetrics::register(&registry, prefix).map(drop).unwrap_err();
            assert_eq!(matches!(error, RegisterError::AlreadyRegistered { .. }), taken, "{error}");
            assert_eq!(matches!(error, RegisterError::IllegalName(_)), !taken, "{error}");
        }
    }
}
