//! `paceline audit` as a program.

mod live;
