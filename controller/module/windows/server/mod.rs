//! The modules for what a Windows server offers: services, features, IIS, certificates, packages,
//! accounts, resources of Desired State Configuration.

mod certificate;
mod chocolatey;
mod dsc;
mod feature;
mod firewall;
mod group;
mod iis_application;
mod iis_binding;
mod iis_config;
mod iis_pool;
mod iis_site;
mod package;
mod psmodule;
mod reboot;
mod service;
mod task;
mod user;
mod values;
mod verify;
mod xml;

#[cfg(test)]
mod testing;

pub(in crate::module) use service::plain_service;

use crate::module::Module;

/// All of them.
pub(in crate::module) static MODULES: &[&dyn Module] = &[
    &certificate::CertificateStore,
    &certificate::KeyAcl,
    &chocolatey::Chocolatey,
    &dsc::Dsc,
    &feature::Feature,
    &firewall::FirewallRule,
    &group::Group,
    &group::Membership,
    &iis_application::VirtualDirectory,
    &iis_application::WebApplication,
    &iis_binding::WebBinding,
    &iis_config::IisConfig,
    &iis_pool::WebAppPool,
    &iis_site::Site,
    &iis_site::Website,
    &package::Package,
    &psmodule::PsModule,
    &reboot::Reboot,
    &reboot::WaitForConnection,
    &service::Service,
    &service::ServiceInfo,
    &task::ScheduledTask,
    &user::User,
    &verify::EffectiveRights,
    &verify::EventLog,
    &verify::IisWorker,
    &xml::Xml,
];
