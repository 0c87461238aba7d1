//! XML settings.
