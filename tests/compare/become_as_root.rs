//! Another user by sudo. Only root can become anyone without more ado, so `tests/run` leaves this out for others.

use super::Comparison;

#[test]
fn another_user_leaves_the_same() {
    Comparison::new("become", &[]).check();
}
