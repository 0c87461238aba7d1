# What the command line of powershell.exe holds: it opens the raw streams, says the sentinel, and reads
# the program, which is run only when all of it has come. Small, so that the line fits cmd.exe.
$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
$plr_m=$ExecutionContext.SessionState.LanguageMode
if("$plr_m" -ne 'FullLanguage'){'';'@NONCE@';"U language mode $plr_m";exit 1}
$plr=@{stdin=[Console]::OpenStandardInput();stdout=[Console]::OpenStandardOutput();buf=[byte[]]::new(65536);at=0;to=0}
function plr_fill{$plr.at=0;$plr.to=$plr.stdin.Read($plr.buf,0,65536);return $plr.to -gt 0}
function plr_line{
$m=[IO.MemoryStream]::new()
while($true){
if($plr.at -ge $plr.to -and -not(plr_fill)){return $null}
$i=[Array]::IndexOf($plr.buf,[byte]10,$plr.at,$plr.to-$plr.at)
$e=$i;if($i -lt 0){$e=$plr.to}
$m.Write($plr.buf,$plr.at,$e-$plr.at);$plr.at=$e
if($m.Length -gt 67108864){exit 1}
if($i -ge 0){$plr.at=$i+1;return [Text.Encoding]::UTF8.GetString($m.GetBuffer(),0,[int]$m.Length)}}}
function plr_take([long]$n,$to){
while($n -gt 0){
if($plr.at -ge $plr.to -and -not(plr_fill)){return $false}
$k=[int][Math]::Min($n,[long]($plr.to-$plr.at))
$to.Write($plr.buf,$plr.at,$k);$plr.at+=$k;$n-=$k}
return $true}
function plr_send([byte[]]$b){$plr.stdout.Write($b,0,$b.Length);$plr.stdout.Flush()}
plr_send ([Text.Encoding]::ASCII.GetBytes("`n@NONCE@`n"))
$plr.head="$(plr_line)".Split(' ')
if($plr.head.Length -ne 6){exit 1}
$plr_m=[IO.MemoryStream]::new()
if(-not(plr_take ([int]$plr.head[2]) $plr_m)){exit 1}
$plr_t=[Text.Encoding]::UTF8.GetString($plr_m.ToArray())
$plr_m="`n"+'#'+$plr.head[1]
if(-not $plr_t.EndsWith($plr_m,[StringComparison]::Ordinal)){exit 1}
. ([ScriptBlock]::Create($plr_t))
