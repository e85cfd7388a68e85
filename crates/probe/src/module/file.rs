//! Modules out of a file in blackbox_exporter's format.
