# What the session asks of Windows alone. Everything above these functions runs wherever PowerShell does,
# so that it can be tried without Windows; there the other branch answers.

function plr_windows { return [Environment]::OSVersion.Platform -eq [PlatformID]::Win32NT }

# Who runs this: SID, name, and whether the token is an elevated administrator's.
function plr_who {
  if (-not (plr_windows)) { return @{ sid = 'S-1-0-0'; admin = [Environment]::UserName -ceq 'root' } }
  $me = [Security.Principal.WindowsIdentity]::GetCurrent()
  $role = [Security.Principal.WindowsBuiltInRole]::Administrator
  return @{ sid = $me.User.Value; admin = [Security.Principal.WindowsPrincipal]::new($me).IsInRole($role) }
}

# The number of this boot: KUSER_SHARED_DATA.BootId, which is mapped into every process since Windows 10 and
# Server 2016 (ntddk.h); before that what the prefetcher notes.
function plr_boot {
  if (-not (plr_windows)) { return [IO.File]::ReadAllText('/proc/sys/kernel/random/boot_id').Trim() }
  if ([Environment]::OSVersion.Version.Major -ge 10) {
    $number = [Runtime.InteropServices.Marshal]::ReadInt32([IntPtr]::new(0x7FFE02C4))
    if ($number -ne 0) { return "$number" }
  }
  $key = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters'
  return "$([Microsoft.Win32.Registry]::GetValue($key, 'BootId', ''))"
}

# Seconds since this boot, the same in all processes (QueryPerformanceCounter).
function plr_uptime {
  return [long][Math]::Floor([Diagnostics.Stopwatch]::GetTimestamp() / [Diagnostics.Stopwatch]::Frequency)
}

# Makes a folder that only the given SIDs may open; what it inherits from above does not count.
function plr_make_private([string]$path, [string[]]$sids) {
  if ([IO.File]::Exists($path) -or [IO.Directory]::Exists($path)) { throw "$path is there already" }
  if (-not (plr_windows)) {
    [void][IO.Directory]::CreateDirectory($path, [IO.UnixFileMode]'UserRead, UserWrite, UserExecute')
    return
  }
  $sddl = 'D:P'
  foreach ($sid in $sids) { $sddl += "(A;OICI;FA;;;$sid)" }
  $security = [Security.AccessControl.DirectorySecurity]::new()
  $security.SetSecurityDescriptorSddlForm($sddl, [Security.AccessControl.AccessControlSections]::Access)
  if ($PSVersionTable.PSVersion.Major -le 5) {
    [void][IO.Directory]::CreateDirectory($path, $security)
  } else {
    [void][IO.FileSystemAclExtensions]::CreateDirectory($security, $path)
  }
}

# The text of a small file that others may write at the moment; empty where it is not there.
function plr_get_text([string]$path) {
  if (-not [IO.File]::Exists($path)) { return '' }
  try {
    $share = [IO.FileShare]'ReadWrite, Delete'
    $reader = [IO.StreamReader]::new([IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share))
    try { return $reader.ReadToEnd() } finally { $reader.Dispose() }
  } catch { return '' }
}

# Ends a process and all that it started.
function plr_kill_tree([Diagnostics.Process]$process) {
  if ($PSVersionTable.PSVersion.Major -ge 7) {
    try { $process.Kill($true) } catch { $plr.ignored = $_ }
    return
  }
  $start = [Diagnostics.ProcessStartInfo]::new([IO.Path]::Combine([Environment]::SystemDirectory, 'taskkill.exe'))
  $start.Arguments = "/PID $($process.Id) /T /F"
  $start.UseShellExecute = $false
  $start.RedirectStandardInput = $true
  $start.RedirectStandardOutput = $true
  $start.RedirectStandardError = $true
  $killer = [Diagnostics.Process]::Start($start)
  $killer.StandardInput.Close()
  if (-not $killer.WaitForExit(10000)) { $killer.Kill() }
  $killer.Dispose()
  if (-not $process.HasExited) { try { $process.Kill() } catch { $plr.ignored = $_ } }
}
