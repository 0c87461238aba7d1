//! The definitions of all files as one configuration: steps find their tasks, clients are merged, scaffoldings become jobs, and the
//! server's settings override.

use std::collections::HashMap;

use super::drafts::{Drafts, JobDraft, Notes, Part, TaskDraft};
use super::model::{Client, Configuration, Job, ServerSettings, Task};
use super::scaffolding;

/// Puts together what the files define.
pub(super) fn assemble(mut drafts: Drafts, server: ServerSettings, notes: &mut Notes) -> Configuration {
    let drafted = scaffolding::expand(&mut drafts, notes);
    let Drafts {
        agents,
        connectors,
        connections,
        clients,
        tasks,
        resource_types,
        entity_types,
        oddities,
        ..
    } = drafts;
    let mut tasks: Vec<Task> =
        tasks.into_iter().map(|draft| with_connectors(draft, &resource_types, &entity_types)).collect();
    let mut named = HashMap::new();
    for (number, task) in tasks.iter().enumerate() {
        // A later definition replaces an earlier one; what a scaffolding makes replaces nothing that is written.
        if task.generated {
            named.entry(task.identifier.clone()).or_insert(number);
        } else {
            named.insert(task.identifier.clone(), number);
        }
    }
    let jobs = drafted.into_iter().map(|draft| job(draft, &named, &mut tasks)).collect();
    let clients = merged(clients.into_iter().map(|draft| (draft.client, draft.merge)), &server);
    Configuration {
        agents,
        connectors: connectors.into_iter().map(|draft| draft.connector).collect(),
        connections,
        jobs,
        tasks,
        clients,
        server,
        oddities,
    }
}

/// Notes which connectors a task's resource types are of.
fn with_connectors(
    draft: TaskDraft,
    resource_types: &HashMap<String, String>,
    entity_types: &HashMap<String, String>,
) -> Task {
    let TaskDraft { mut task, resource_types: used } = draft;
    for used in used {
        let connector = resource_types.get(&used).and_then(|entity| entity_types.get(entity));
        if let Some(connector) = connector.filter(|connector| !task.resource_connectors.contains(connector)) {
            task.resource_connectors.push(connector.clone());
        }
    }
    task
}

fn job(draft: JobDraft, named: &HashMap<String, usize>, tasks: &mut Vec<Task>) -> Job {
    let mut job = draft.job;
    for part in draft.parts {
        match part {
            Part::Own(number) => job.tasks.push(number),
            Part::Step(identifier) => match named.get(&identifier) {
                Some(number) => job.tasks.push(*number),
                None => job.unknown_steps.push(identifier),
            },
            Part::Override(changes) => match named.get(&changes.identifier) {
                Some(number) => {
                    let (number, task) = overridden(&tasks[*number], *changes, *number);
                    let number = task.map_or(number, |task| {
                        tasks.push(task);
                        tasks.len() - 1
                    });
                    job.tasks.push(number);
                }
                None => job.unknown_steps.push(changes.identifier),
            },
        }
    }
    job
}

/// A task with what an override changes; the same task if nothing of it is anything to us.
fn overridden(task: &Task, changes: Task, number: usize) -> (usize, Option<Task>) {
    let same = changes.agent.is_none()
        && changes.connector.is_none()
        && changes.connection.is_none()
        && changes.client.is_none();
    if same {
        return (number, None);
    }
    let (agent, agent_place) = match changes.agent {
        // The agent that decides is then written elsewhere.
        None => (task.agent.clone(), Some(task.agent_at().to_owned())),
        agent => (agent, changes.agent_place),
    };
    let changed = Task {
        agent,
        agent_place,
        connector: changes.connector.or_else(|| task.connector.clone()),
        connection: changes.connection.or_else(|| task.connection.clone()),
        client: changes.client.or_else(|| task.client.clone()),
        overrides: true,
        generated: false,
        place: changes.place,
        ..task.clone()
    };
    (number, Some(changed))
}

/// Clients with those of `ConsolidationMode="Merge"` taken into the ones of their names, and the server's settings over both. One that has
/// nothing to be merged into stands for itself: the other may be the product's own.
fn merged(drafts: impl Iterator<Item = (Client, bool)>, server: &ServerSettings) -> Vec<Client> {
    let (mut clients, mut merges) = (Vec::<Client>::new(), Vec::new());
    for (client, merge) in drafts {
        if merge { merges.push(client) } else { clients.push(client) }
    }
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, client) in clients.iter().enumerate() {
        by_name.entry(client.identifier.clone()).or_default().push(number);
    }
    for merge in merges {
        let Some(numbers) = by_name.get(&merge.identifier) else {
            by_name.insert(merge.identifier.clone(), vec![clients.len()]);
            clients.push(merge);
            continue;
        };
        // One definition after the other is kept for the check that finds two; the last one is what a merge goes into.
        if let Some(client) = numbers.last().and_then(|number| clients.get_mut(*number)) {
            if merge.hashed_secret.is_some() {
                client.hashed_secret = merge.hashed_secret;
                client.place.clone_from(&merge.place);
            }
            if merge.expires.is_some() {
                client.expires = merge.expires;
            }
        }
    }
    let overrides: HashMap<String, &(String, String)> =
        server.client_hashes.iter().map(|(name, hash)| (name.to_lowercase(), hash)).collect();
    for client in &mut clients {
        if let Some((hash, place)) = overrides.get(&client.identifier.to_lowercase()) {
            client.hashed_secret = Some(hash.clone());
            client.place.clone_from(place);
        }
    }
    clients
}
