//! The modules for what every Windows host has: files, commands, the registry, the environment.

use super::{acl, archive, command, copy, environment, file, find, lineinfile, look, powershell, regedit};
use super::{stat, template, web};
use crate::module::Module;

/// All of them.
pub(in crate::module) static MODULES: &[&dyn Module] = &[
    &acl::WinAcl,
    &acl::WinAclInheritance,
    &acl::WinOwner,
    &archive::WinUnzip,
    &command::WinCommand,
    &command::WinShell,
    &copy::WinCopy,
    &environment::WinEnvironment,
    &environment::WinPath,
    &file::WinFile,
    &find::WinFind,
    &lineinfile::WinLineInFile,
    &look::WinPing,
    &look::WinTempfile,
    &look::WinWaitFor,
    &look::WinWhoami,
    &powershell::WinPowerShell,
    &regedit::WinRegedit,
    &stat::WinStat,
    &template::WinTemplate,
    &web::WinGetUrl,
    &web::WinUri,
];
