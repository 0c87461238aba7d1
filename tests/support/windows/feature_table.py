"""Roles and features of Windows Server, as `Get-WindowsFeature` lists them.

Sources: "Server roles, role services, and features included in Windows Server"
(learn.microsoft.com/windows-server/administration/server-core/server-core-roles-and-services) for names and what is installed
from the start; "IIS server roles, role services and features" for the tree below Web-Server; the deployment
documents of `Install-WindowsFeature` for defaults. A row: name, display name, parent, what it needs besides, and flags:
d comes with its parent when that is asked for, i installed from the start, t a management tool.
"""

from __future__ import annotations

ROWS = """
Web-Server|Web Server (IIS)|||
Web-WebServer|Web Server|Web-Server||d
Web-Common-Http|Common HTTP Features|Web-WebServer||d
Web-Default-Doc|Default Document|Web-Common-Http||d
Web-Dir-Browsing|Directory Browsing|Web-Common-Http||d
Web-Http-Errors|HTTP Errors|Web-Common-Http||d
Web-Static-Content|Static Content|Web-Common-Http||d
Web-Http-Redirect|HTTP Redirection|Web-Common-Http||
Web-DAV-Publishing|WebDAV Publishing|Web-Common-Http||
Web-Health|Health and Diagnostics|Web-WebServer||d
Web-Http-Logging|HTTP Logging|Web-Health||d
Web-Custom-Logging|Custom Logging|Web-Health||
Web-Log-Libraries|Logging Tools|Web-Health||
Web-ODBC-Logging|ODBC Logging|Web-Health||
Web-Request-Monitor|Request Monitor|Web-Health||
Web-Http-Tracing|Tracing|Web-Health||
Web-Performance|Performance|Web-WebServer||d
Web-Stat-Compression|Static Content Compression|Web-Performance||d
Web-Dyn-Compression|Dynamic Content Compression|Web-Performance||
Web-Security|Security|Web-WebServer||d
Web-Filtering|Request Filtering|Web-Security||d
Web-Basic-Auth|Basic Authentication|Web-Security||
Web-CertProvider|Centralized SSL Certificate Support|Web-Security||
Web-Client-Auth|Client Certificate Mapping Authentication|Web-Security||
Web-Digest-Auth|Digest Authentication|Web-Security||
Web-Cert-Auth|IIS Client Certificate Mapping Authentication|Web-Security||
Web-IP-Security|IP and Domain Restrictions|Web-Security||
Web-Url-Auth|URL Authorization|Web-Security||
Web-Windows-Auth|Windows Authentication|Web-Security||
Web-App-Dev|Application Development|Web-WebServer||
Web-Net-Ext|.NET Extensibility 3.5|Web-App-Dev|NET-Framework-Core|
Web-Net-Ext45|.NET Extensibility 4.8|Web-App-Dev|NET-Framework-45-Core|
Web-AppInit|Application Initialization|Web-App-Dev||
Web-ASP|ASP|Web-App-Dev|Web-ISAPI-Ext|
Web-Asp-Net|ASP.NET 3.5|Web-App-Dev|Web-ISAPI-Ext,Web-ISAPI-Filter,Web-Net-Ext|
Web-Asp-Net45|ASP.NET 4.8|Web-App-Dev|NET-Framework-45-ASPNET,Web-ISAPI-Ext,Web-ISAPI-Filter,Web-Net-Ext45|
Web-CGI|CGI|Web-App-Dev||
Web-ISAPI-Ext|ISAPI Extensions|Web-App-Dev||
Web-ISAPI-Filter|ISAPI Filters|Web-App-Dev||
Web-Includes|Server Side Includes|Web-App-Dev||
Web-WebSockets|WebSocket Protocol|Web-App-Dev||
Web-Ftp-Server|FTP Server|Web-Server||
Web-Ftp-Service|FTP Service|Web-Ftp-Server||d
Web-Ftp-Ext|FTP Extensibility|Web-Ftp-Server||
Web-Mgmt-Tools|Management Tools|Web-Server||t
Web-Mgmt-Console|IIS Management Console|Web-Mgmt-Tools||dt
Web-Mgmt-Compat|IIS 6 Management Compatibility|Web-Mgmt-Tools||
Web-Metabase|IIS 6 Metabase Compatibility|Web-Mgmt-Compat||d
Web-Lgcy-Mgmt-Console|IIS 6 Management Console|Web-Mgmt-Compat||
Web-Lgcy-Scripting|IIS 6 Scripting Tools|Web-Mgmt-Compat||
Web-WMI|IIS 6 WMI Compatibility|Web-Mgmt-Compat||
Web-Scripting-Tools|IIS Management Scripts and Tools|Web-Mgmt-Tools||
Web-Mgmt-Service|Management Service|Web-Mgmt-Tools||
FileAndStorage-Services|File and Storage Services|||i
File-Services|File and iSCSI Services|FileAndStorage-Services||
FS-FileServer|File Server|File-Services||
Storage-Services|Storage Services|FileAndStorage-Services||i
NET-Framework-Features|.NET Framework 3.5 Features|||
NET-Framework-Core|.NET Framework 3.5 (includes .NET 2.0 and 3.0)|NET-Framework-Features||d
NET-HTTP-Activation|HTTP Activation|NET-Framework-Features|WAS-Process-Model,WAS-NET-Environment|
NET-Framework-45-Features|.NET Framework 4.8 Features|||i
NET-Framework-45-Core|.NET Framework 4.8|NET-Framework-45-Features||i
NET-Framework-45-ASPNET|ASP.NET 4.8|NET-Framework-45-Features||
NET-WCF-Services45|WCF Services|NET-Framework-45-Features||i
NET-WCF-TCP-PortSharing45|TCP Port Sharing|NET-WCF-Services45||i
RSAT|Remote Server Administration Tools|||
RSAT-Feature-Tools|Feature Administration Tools|RSAT||
RSAT-Role-Tools|Role Administration Tools|RSAT||
RSAT-AD-Tools|AD DS and AD LDS Tools|RSAT-Role-Tools||
RSAT-AD-PowerShell|Active Directory module for Windows PowerShell|RSAT-AD-Tools||
RSAT-ADDS|AD DS Tools|RSAT-AD-Tools||
RSAT-AD-AdminCenter|Active Directory Administrative Center|RSAT-ADDS|RSAT-AD-PowerShell|
RSAT-ADDS-Tools|AD DS Snap-Ins and Command-Line Tools|RSAT-ADDS||
RSAT-ADLDS|AD LDS Snap-Ins and Command-Line Tools|RSAT-AD-Tools||
RSAT-DNS-Server|DNS Server Tools|RSAT-Role-Tools||
System-DataArchiver|System Data Archiver|||i
Telnet-Client|Telnet Client|||
SNMP-Service|SNMP Service|||
Windows-Defender|Microsoft Defender Antivirus|||i
PowerShellRoot|Windows PowerShell|||i
PowerShell|Windows PowerShell 5.1|PowerShellRoot||i
PowerShell-V2|Windows PowerShell 2.0 Engine|PowerShellRoot|NET-Framework-Core|
WAS|Windows Process Activation Service|||
WAS-Process-Model|Process Model|WAS||d
WAS-NET-Environment|.NET Environment 3.5|WAS|NET-Framework-Core|
WAS-Config-APIs|Configuration APIs|WAS||d
WoW64-Support|WoW64 Support|||i
XPS-Viewer|XPS Viewer|||i
"""


class Row:
    """One role, role service or feature."""

    def __init__(self, line: str) -> None:
        self.name, self.display, self.parent, needs, flags = line.split("|")
        self.needs = [need for need in needs.split(",") if need]
        self.default, self.installed, self.tool = "d" in flags, "i" in flags, "t" in flags


FEATURES = {row.name.lower(): row for row in (Row(line) for line in ROWS.strip().splitlines())}


def children(name: str) -> list[Row]:
    return [row for row in FEATURES.values() if row.parent == name]
