//! Exchanges hosts between waves, so that no wave holds all hosts of a set that must not stop together.
//!
//! Everything is a number here: hosts from 0, waves from 0, sets as lists of hosts. Waves keep their sizes. The same
//! question has the same answer. For up to [`EXACT_HOSTS`] hosts in sets the answer is the best there is: fewest sets in one
//! wave, then fewest hosts that change their wave. For more of them it is found by single exchanges.

/// Up to how many hosts in sets the best answer is searched for.
const EXACT_HOSTS: usize = 24;
/// Tries of that search: it ends within milliseconds, and so soon only where the sets leave hardly any way.
const TRIES: usize = 200_000;

/// Exchanges hosts; `waves` gives the wave of each host, `units` the sets, each of two or more hosts.
pub(super) fn exchange(waves: &mut [usize], units: &[Vec<usize>]) {
    let mut of = vec![Vec::new(); waves.len()];
    for (unit, hosts) in units.iter().enumerate() {
        hosts.iter().for_each(|&host| of[host].push(unit));
    }
    let problem = Problem { units, of, start: waves.to_vec() };
    if problem.breached(waves).next().is_none() {
        return;
    }
    problem.improve(waves);
    let in_units = problem.of.iter().filter(|units| !units.is_empty()).count();
    if in_units <= EXACT_HOSTS {
        problem.search(waves);
    }
}

struct Problem<'a> {
    units: &'a [Vec<usize>],
    /// The sets of each host.
    of: Vec<Vec<usize>>,
    /// The waves at the beginning.
    start: Vec<usize>,
}

impl Problem<'_> {
    fn is_breached(&self, waves: &[usize], unit: usize) -> bool {
        let hosts = &self.units[unit];
        hosts.iter().all(|&host| waves[host] == waves[hosts[0]])
    }

    fn breached(&self, waves: &[usize]) -> impl Iterator<Item = usize> {
        (0..self.units.len()).filter(move |&unit| self.is_breached(waves, unit))
    }

    /// Exchanges pairs of hosts as long as each exchange leaves fewer sets in one wave. The nearest wave comes first, then
    /// the hosts that stand nearest to each other, so that the first hosts of a wave mostly stay where they are.
    fn improve(&self, waves: &mut [usize]) {
        loop {
            let breached: Vec<usize> = self.breached(waves).collect();
            let Some((one, other)) = breached.into_iter().find_map(|unit| self.exchange_for(unit, waves))
            else {
                return;
            };
            waves.swap(one, other);
        }
    }

    fn exchange_for(&self, unit: usize, waves: &mut [usize]) -> Option<(usize, usize)> {
        let mut best = None;
        for &one in self.units[unit].iter().rev() {
            for other in 0..waves.len() {
                let distance = waves[other].abs_diff(waves[one]);
                if distance == 0 {
                    continue;
                }
                let change = self.change(one, other, waves);
                let key = (change, distance, waves[other] < waves[one], other.abs_diff(one));
                if change < 0 && best.is_none_or(|(known, _)| key < known) {
                    best = Some((key, (one, other)));
                }
            }
        }
        best.map(|(_, pair)| pair)
    }

    /// How many sets more are in one wave after an exchange.
    fn change(&self, one: usize, other: usize, waves: &mut [usize]) -> isize {
        let count = |waves: &[usize]| {
            let mut units: Vec<usize> = self.of[one].iter().chain(&self.of[other]).copied().collect();
            units.sort_unstable();
            units.dedup();
            units.into_iter().filter(|&unit| self.is_breached(waves, unit)).count() as isize
        };
        let before = count(waves);
        waves.swap(one, other);
        let after = count(waves);
        waves.swap(one, other);
        after - before
    }

    /// Replaces `waves` by something better, if there is.
    fn search(&self, waves: &mut [usize]) {
        let mut hosts: Vec<usize> = (0..waves.len()).filter(|&host| !self.of[host].is_empty()).collect();
        hosts.sort_by_key(|&host| std::cmp::Reverse(self.of[host].len()));
        let mut room = vec![0; self.start.iter().max().map_or(0, |last| last + 1)];
        self.start.iter().for_each(|&wave| room[wave] += 1);
        let cost = (self.breached(waves).count(), moved(&self.start, waves));
        let mut search = Search {
            problem: self,
            hosts,
            room,
            now: vec![None; waves.len()],
            best: waves.to_vec(),
            cost,
            tries: TRIES,
        };
        search.place(0, (0, 0));
        waves.copy_from_slice(&search.best);
    }
}

fn moved(start: &[usize], waves: &[usize]) -> usize {
    start.iter().zip(waves).filter(|(before, after)| before != after).count()
}

/// Branch and bound over the waves of the hosts that are in sets; all others fill what is left.
struct Search<'a> {
    problem: &'a Problem<'a>,
    /// Hosts in sets, those in most sets first.
    hosts: Vec<usize>,
    /// Places left in each wave.
    room: Vec<usize>,
    now: Vec<Option<usize>>,
    best: Vec<usize>,
    /// Sets in one wave and hosts that moved, of the best answer.
    cost: (usize, usize),
    tries: usize,
}

impl Search<'_> {
    fn place(&mut self, next: usize, cost: (usize, usize)) {
        if cost >= self.cost || self.tries == 0 {
            return;
        }
        self.tries -= 1;
        let Some(&host) = self.hosts.get(next) else { return self.fill(cost) };
        let home = self.problem.start[host];
        let mut waves: Vec<usize> = (0..self.room.len()).filter(|&wave| self.room[wave] > 0).collect();
        waves.sort_by_key(|&wave| (wave.abs_diff(home), wave < home));
        for wave in waves {
            self.now[host] = Some(wave);
            self.room[wave] -= 1;
            let complete =
                |unit: &&usize| self.problem.units[**unit].iter().all(|&host| self.now[host] == Some(wave));
            let breached = self.problem.of[host].iter().filter(complete).count();
            self.place(next + 1, (cost.0 + breached, cost.1 + usize::from(wave != home)));
            self.room[wave] += 1;
            self.now[host] = None;
        }
    }

    /// Gives the hosts that are in no set their places: their own where there is room, in their order.
    fn fill(&mut self, mut cost: (usize, usize)) {
        let (mut room, mut waves) = (self.room.clone(), self.now.clone());
        let mut homeless = Vec::new();
        for (host, wave) in waves.iter_mut().enumerate().filter(|(_, wave)| wave.is_none()) {
            let home = self.problem.start[host];
            if room[home] > 0 {
                room[home] -= 1;
                *wave = Some(home);
            } else {
                homeless.push(host);
            }
        }
        cost.1 += homeless.len();
        if cost >= self.cost {
            return;
        }
        for host in homeless {
            let home = self.problem.start[host];
            let free = (0..room.len()).filter(|&wave| room[wave] > 0);
            if let Some(wave) = free.min_by_key(|&wave| (wave.abs_diff(home), wave < home)) {
                room[wave] -= 1;
                waves[host] = Some(wave);
            }
        }
        self.cost = cost;
        self.best = waves.iter().zip(&self.problem.start).map(|(wave, home)| wave.unwrap_or(*home)).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exchanged(waves: &[usize], units: &[&[usize]]) -> Vec<usize> {
        let mut waves = waves.to_vec();
        let units: Vec<Vec<usize>> = units.iter().map(|unit| unit.to_vec()).collect();
        exchange(&mut waves, &units);
        waves
    }

    #[test]
    fn neighbours_are_exchanged_and_the_first_ones_stay() {
        assert_eq!(exchanged(&[0, 0, 1, 1], &[&[0, 1]]), [0, 1, 0, 1]);
        assert_eq!(exchanged(&[0, 0, 1, 1, 2, 2], &[&[2, 3]]), [0, 0, 1, 2, 1, 2]);
        assert_eq!(exchanged(&[0, 1, 1, 1], &[&[0, 1]]), [0, 1, 1, 1], "nothing is wrong here");
        assert_eq!(exchanged(&[0, 1, 1], &[&[1, 2]]), [1, 0, 1]);
        assert_eq!(exchanged(&[0, 0], &[&[0, 1]]), [0, 0], "there is no other wave");
    }

    #[test]
    fn what_single_exchanges_cannot_do_is_searched_for() {
        // Each pair of a square's sides, and of its diagonals but one.
        let units: &[&[usize]] = &[&[0, 1], &[2, 3], &[0, 3], &[1, 2]];
        assert_eq!(exchanged(&[0, 0, 1, 1], units), [0, 1, 0, 1]);
    }

    #[test]
    fn large_fleets_of_pairs_are_settled_quickly() {
        let hosts = 1_000;
        let waves: Vec<usize> = (0..hosts).map(|host| host / 100).collect();
        let units: Vec<Vec<usize>> = (0..hosts / 2).map(|pair| vec![2 * pair, 2 * pair + 1]).collect();
        let mut after = waves.clone();
        exchange(&mut after, &units);
        assert!(units.iter().all(|pair| after[pair[0]] != after[pair[1]]));
        for wave in 0..10 {
            assert_eq!(after.iter().filter(|&&of| of == wave).count(), 100);
        }
    }

    /// Every way to give the hosts places in waves of the same sizes.
    fn every(start: &[usize], visit: &mut dyn FnMut(&[usize])) {
        fn place(
            host: usize,
            now: &mut Vec<usize>,
            room: &mut [usize],
            visit: &mut dyn FnMut(&[usize]),
            hosts: usize,
        ) {
            if host == hosts {
                return visit(now);
            }
            for wave in 0..room.len() {
                if room[wave] > 0 {
                    room[wave] -= 1;
                    now.push(wave);
                    place(host + 1, now, room, visit, hosts);
                    now.pop();
                    room[wave] += 1;
                }
            }
        }
        let mut room = vec![0; start.iter().max().map_or(0, |last| last + 1)];
        start.iter().for_each(|&wave| room[wave] += 1);
        place(0, &mut Vec::new(), &mut room, visit, start.len());
    }

    fn cost(start: &[usize], waves: &[usize], units: &[Vec<usize>]) -> (usize, usize) {
        let breached = units.iter().filter(|unit| unit.iter().all(|&host| waves[host] == waves[unit[0]]));
        (breached.count(), moved(start, waves))
    }

    fn fleets() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<usize>>)> {
        (2_usize..=8).prop_flat_map(|hosts| {
            let sizes = prop::collection::vec(1_usize..=4, 1..=hosts);
            let unit = prop::sample::subsequence((0..hosts).collect::<Vec<_>>(), 2..=hosts);
            (sizes, prop::collection::vec(unit, 0..=7)).prop_map(move |(sizes, units)| {
                let mut waves = Vec::new();
                for (wave, size) in sizes.iter().chain(std::iter::repeat(&2)).enumerate() {
                    if waves.len() >= hosts {
                        break;
                    }
                    waves.extend(std::iter::repeat_n(wave, (*size).min(hosts - waves.len())));
                }
                (waves, units)
            })
        })
    }

    proptest! {
        #[test]
        fn no_way_is_better((start, units) in fleets()) {
            let mut after = start.clone();
            exchange(&mut after, &units);
            let mut again = start.clone();
            exchange(&mut again, &units);
            prop_assert_eq!(&after, &again);
            let (mut before, mut sorted) = (start.clone(), after.clone());
            before.sort_unstable();
            sorted.sort_unstable();
            prop_assert_eq!(before, sorted, "waves have other sizes");
            let mut best = (usize::MAX, usize::MAX);
            every(&start, &mut |waves| best = best.min(cost(&start, waves, &units)));
            prop_assert_eq!(cost(&start, &after, &units), best);
        }
    }
}
