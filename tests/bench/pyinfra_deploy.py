"""The ten tasks of p10.yml as operations of pyinfra."""

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.operations import files, server

home = f"{host.data.lab_root}/{host.name}/agent"
values = {
    "inventory_hostname": host.name,
    "controller": "ctl.example",
    "controller_port": 8443,
    "retries": 5,
} | {name: getattr(host.data, name) for name in ("number", "region", "site", "queue", "weight")}

for folder in ("bin", "conf", "logs", "work"):
    files.directory(name=f"Make {folder}", path=f"{home}/{folder}", mode="755")


def template(source, name):
    return files.template(
        name=f"Write {name}", src=f"{host.data.templates}/{source}", dest=f"{home}/conf/{name}", mode="644", **values
    )


settings = template("agent.json.j2", "agent.json")
template("queue.xml.j2", "queue.xml")
template("labels.json.j2", "labels.json")
files.put(name="Copy the payload", src=host.data.payload, dest=f"{home}/bin/payload.bin", mode="755")
files.directory(name="Set the permissions of the logs", path=f"{home}/logs", mode="755", recursive=True)
if not host.get_fact(File, path=f"{home}/installed"):
    server.shell(name="Install once", commands=[f"uname -r > {home}/installed"])
server.shell(name="Ask for the status", commands=[f"wc -c < {home}/bin/payload.bin"])
server.shell(
    name="Restart where the settings changed",
    commands=[f"echo status $(wc -c < {home}/bin/payload.bin) > {home}/status"],
    _if=settings.did_change,
)
server.shell(name="Read the settings back", commands=[f"cat {home}/conf/agent.json"])
