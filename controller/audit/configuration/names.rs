//! Names of elements that were probably meant to be others. The schema has hundreds of elements that are nothing to an
//! audit, so that only a name that nearly is one of those that are read says something.

use std::collections::HashMap;

/// Scaffoldings that make jobs.
pub(super) const SCAFFOLDINGS: [&str; 6] = [
    "CreateAgentSynchroComplete",
    "CreateAgentSynchroIncremental",
    "CreateConnectorSynchroComplete",
    "CreateConnectorSynchroIncremental",
    "CreateInitializationJob",
    "CreateConnectorsJobs",
];

/// Other elements at the top that are read.
pub(super) const DEFINED: [&str; 7] =
    ["Agent", "Connector", "Connection", "OpenIdClient", "Job", "ResourceType", "EntityTypeMapping"];

/// Children of scaffoldings that are read.
pub(super) const TOLD: [&str; 8] = [
    "OpenIdIdentifier",
    "CronTabExpression",
    "AddTask",
    "NotUsed",
    "NoConnectorSynchronization",
    "NoConnectorProvisioning",
    "NoSynchronization",
    "NoProvisioning",
];

/// Children of tasks that are read.
pub(super) const OF_TASK: [&str; 2] = ["TaskDependsOnTask", "TaskResourceType"];

/// Tasks that say what runs where. Every other element that ends in `Task` is one as well.
const TASKS: [&str; 7] = [
    "ExportTask",
    "PrepareSynchronizationTask",
    "SynchronizeTask",
    "FulfillTask",
    "InvokeSqlCommandTask",
    "InvokeExpressionTask",
    "InvokeApiTask",
];

/// Names that are kept; a file that has more of them is none that somebody wrote.
const KEPT: usize = 10_000;

/// Where an element stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Level {
    Top,
    OfJob,
    OfScaffolding,
    OfTask,
}

/// The names that were looked at.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<(Level, String), Option<&'static str>>,
}

impl Names {
    /// The name that was meant, if this is none of ours and nearly one.
    pub(super) fn meant(&mut self, level: Level, name: &str) -> Option<&'static str> {
        if name.len() > 64 {
            return None;
        }
        // Most elements of a configuration have one of a few names.
        if let Some(known) = self.known.get(&(level, name.to_owned())) {
            return *known;
        }
        if self.known.len() >= KEPT {
            return None;
        }
        let meant = match level {
            Level::Top => nearest(name, DEFINED.iter().chain(&SCAFFOLDINGS).chain(&TASKS)),
            Level::OfJob => nearest(name, ["Step"].iter().chain(&TASKS)),
            Level::OfScaffolding => nearest(name, TOLD.iter()),
            Level::OfTask => nearest(name, OF_TASK.iter()),
        };
        self.known.insert((level, name.to_owned()), meant);
        meant
    }
}

/// The nearest of some names; nothing if it is one of them.
fn nearest(name: &str, known: impl Iterator<Item = &'static &'static str> + Clone) -> Option<&'static str> {
    if known.clone().any(|known| *known == name) {
        return None;
    }
    // A short name is near to many: `Job` and `Tab` are two letters apart.
    let most = match name.len() {
        0..6 => 1,
        6..16 => 2,
        _ => 3,
    };
    let close = known.copied().filter(|known| known.len().abs_diff(name.len()) <= most);
    let (folded, rated) = (name.to_lowercase(), close);
    rated
        .map(|known| (strsim::damerau_levenshtein(&folded, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_near() {
        let mut names = Names::default();
        for (level, name, meant) in [
            (Level::Top, "Conector", "Connector"),
            (Level::Top, "connector", "Connector"),
            (Level::Top, "Conection", "Connection"),
            (Level::Top, "Agnet", "Agent"),
            (Level::Top, "Jobs", "Job"),
            (Level::Top, "OpenIDClient", "OpenIdClient"),
            (Level::Top, "CreateAgentSyncComplete", "CreateAgentSynchroComplete"),
            (Level::Top, "ExprotTask", "ExportTask"),
            (Level::OfJob, "Steps", "Step"),
            (Level::OfJob, "FulfilTask", "FulfillTask"),
            (Level::OfScaffolding, "CronTabExpresion", "CronTabExpression"),
            (Level::OfTask, "TaskDependOnTask", "TaskDependsOnTask"),
        ] {
            assert_eq!(names.meant(level, name), Some(meant), "{name}");
            assert_eq!(names.meant(level, name), Some(meant), "{name}, again");
        }
    }

    /// Elements of the product's XML reference that are nothing to an audit, and tasks beside those above.
    #[test]
    fn what_the_schema_has_is_no_mistake() {
        let others = "AccessCertificationCampaignPolicy AccessControlRule AccessControlEntry AddChangeAspect Agent AspectS \
            AutomationRule Binding BuildUniqueValueAspect Category CompositeRole CompositeRoleRule Connection \
            ConnectionTable Connector ContextRule Dimension DisplayEntityType DisplayTable EntityAssociation \
            EntityAssociationMapping EntityPropertyExpression EntityType EntityTypeMapping Form HomonymEntityLink Indicator \
            InvokeAspect InvokeWorkflowAspect Job Language MenuItem MiningRule NotificationAspect OpenIdClient Policy Profile \
            ProfileContext QueryRule RecordSection ReportQuery ResourceBinaryRule ResourceClassificationRule \
            ResourceCorrelationRule ResourceNavigationRule ResourceQueryRule ResourceScalarRule ResourceType ResourceTypeRule \
            ResourceTypeMapping Risk RoleMapping SearchBar SingleRole SingleRoleRule SelectProfile Tile Workflow \
            AppDisplaySetting PasswordResetSettings ConnectorMappings ScaffoldingArgument CreateAccessCertificationJob";
        let tasks = "ActivityInstanceActorTask ComputeCorrelationKeysTask ComputeRoleModelTask ComputeRiskScoresTask \
            CreateDatabaseViewsTask DeployConfigurationTask GenerateProvisioningOrdersTask GetRoleMiningTask InvokeAspectsTask \
            MaintainIndexesTask ProcessAccessCertificationItemsTask ResetValidFromTask SavePreExistingAccessRightsTask \
            SendAccessCertificationNotificationTask SendNotificationsTask SendRoleModelNotificationsTask \
            SetAccessCertificationReviewerTask SetInternalUserProfilesTask SetRecentlyModifiedFlagTask RefreshSchemaTask \
            UpdateAccessCertificationCampaignTask UpdateClassificationTask UpdateEntityPropertyExpressionsTask \
            UpdateParametricRolesTask ManageConfigurationIndexesTask";
        let mut names = Names::default();
        for name in others.split_whitespace().chain(tasks.split_whitespace()) {
            assert_eq!(names.meant(Level::Top, name), None, "{name}");
        }
        for name in tasks.split_whitespace() {
            assert_eq!(names.meant(Level::OfJob, name), None, "{name}");
        }
    }
}
