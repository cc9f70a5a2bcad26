"""What deploy/ promises, without network and without a Docker engine: pins, limits, health, secrets, hardening.

Every check takes the root of a tree and gives what it found; TheChecksThemselves breaks a copy in each way. What
linters of others say of the same files is in scripts/lint-deploy.
"""

import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|DSN|_KEY$")
REFERENCE = r"\$\{\w+:\?[^}]+\}"  # ${NAME:?what to do when it is empty}
LEAT_DATA = "/var/lib/leat"
EXPOSURE = "15"  # tenths, of systemd-analyze security: 0 is best, 100 worst

UNIT = {  # what must stand in leat.service
    "Type": "exec", "User": "leat", "StateDirectory": "leat", "UMask": "0077", "Restart": "on-failure",
    "RestartPreventExitStatus": "2", "KillSignal": "SIGTERM", "CapabilityBoundingSet": "", "NoNewPrivileges": "yes",
    "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
    "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native",
}


def read(root, name):
    return (root / name).read_text(encoding="utf-8")


def yaml(text):
    """Parsed by Debian's python3-yaml, whichever python runs this."""
    program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
    done = subprocess.run(["/usr/bin/python3", "-c", program], input=text, text=True, capture_output=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"no YAML, or python3-yaml is missing (scripts/deps): {done.stderr.splitlines()[-1]}")
    return json.loads(done.stdout)


def seconds(text):
    return sum(float(n) * {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}[unit]
               for n, unit in re.findall(r"([\d.]+)(min|[smh]|)", str(text)) if n)


def limit(root, name):
    return int(re.search(rf"\b{name} = ([\d']+);", read(root, "src/base/limits.h"))[1].replace("'", ""))


def drain_s(root):
    """How long a stop may take, with some room for closing the store."""
    return (limit(root, "kDrainOnStopMs") + limit(root, "kServerStopMs")) / 1000 + 5


def pinned(image):
    tag = re.sub(r"^\$\{\w+:-([^}]*)\}$", r"\1", image.partition(":")[2])
    return bool(re.fullmatch(r"\d+\.\d+[\w.-]*", tag))


def services(root):
    return yaml(read(root, "deploy/compose.yaml"))["services"]


def is_step(name, every):
    """Others wait for its end, not for its health."""
    return any(wait.get("condition") == "service_completed_successfully"
               for other in every.values() for on, wait in other.get("depends_on", {}).items() if on == name)


def check_services(root):
    """Each service: an exact image, limits, health, restart, no way up to the machine."""
    every, found = services(root), []
    for name, service in every.items():
        def say(what):
            found.append(f"{name}: {what}")
        if not pinned(service.get("image", "")):
            say(f"image {service.get('image')} has no exact version")
        for key in ("mem_limit", "cpus", "restart", "logging"):
            if not service.get(key):
                say(f"no {key}")
        health = service.get("healthcheck", {})
        if is_step(name, every):
            if not health.get("disable"):
                say("a step has no health: say disable")
        elif not health.get("test") or not health.get("interval") or not health.get("retries"):
            say("no healthcheck with test, interval and retries")
        if "no-new-privileges:true" not in service.get("security_opt", []):
            say("no no-new-privileges")
        of_host = "host" in (service.get("network_mode"), service.get("pid"))
        if service.get("privileged") or service.get("ports") or of_host:
            say("privileged, of the host's network or with open ports")
        if any("docker.sock" in volume for volume in service.get("volumes", [])):
            say("holds the engine's socket")
        for on, wait in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if is_step(on, every) else "service_healthy"
            if on not in every or wait.get("condition") != wanted:
                say(f"depends on {on} without {wanted}")
    return found


def of_leat(root):
    return {name: service for name, service in services(root).items() if service["image"].startswith("leat:")}


def pipelines(root):
    return {name: service for name, service in of_leat(root).items() if service["command"][0] == "run"}


def check_users(root):
    """The registry's users have no password but that of a variable, which the service is given."""
    given, found = services(root)["schema-registry"]["environment"], []
    for user in yaml(read(root, "deploy/servers/registry-users.yaml"))["users"]:
        wanted = re.fullmatch(r"\$\{(\w+)\}", user["password"])
        if not wanted or wanted[1] not in given:
            found.append(f"registry-users.yaml: the password of {user['name']} is no variable of the service")
    return found


def check_leat(root):
    """Two processes or more and a registry, each closed in, with a volume of its own and time to end."""
    found, volumes = [], []
    images, processes = of_leat(root), pipelines(root)
    if len(processes) < 2:
        found.append("fewer than two processes of leat")
    for name, service in images.items():
        if service.get("read_only") is not True or service.get("cap_drop") != ["ALL"]:
            found.append(f"{name}: not read_only, or with capabilities")
        if seconds(service.get("stop_grace_period", "0")) < drain_s(root):
            found.append(f"{name}: killed before it can have drained")
        if LEAT_DATA not in service["command"]:
            found.append(f"{name}: command without data directory")
        if "--listen" in service["command"] and "--users" not in service["command"]:
            found.append(f"{name}: listens without users")
        volumes += [v.split(":")[0] for v in service["volumes"] if f":{LEAT_DATA}" in v]
    for name, service in processes.items():
        if not {"kafka", "cassandra", "postgres", "schema-registry"} <= set(service["depends_on"]):
            found.append(f"{name}: does not wait for every server")
        if "--profile" not in service["command"]:
            found.append(f"{name}: command without profile")
    if len(set(volumes)) != len(images):
        found.append(f"volumes for data: {volumes}, not one for each of {list(images)}")
    return found


def check_volumes(root):
    compose, found = yaml(read(root, "deploy/compose.yaml")), []
    named = set()
    for name, service in compose["services"].items():
        sources = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0] for volume in service.get("volumes", [])]
        named |= {source for source in sources if not source.startswith(".")}
        for source in sources:
            if source.startswith(".") and not (root / "deploy" / source).exists():
                found.append(f"{name}: {source} is not there")
        if not is_step(name, compose["services"]) and all(source.startswith(".") for source in sources):
            found.append(f"{name}: no named volume")
    for volume in sorted(named ^ set(compose["volumes"])):
        found.append(f"volume {volume}: used or declared, not both")
    return found


def check_secrets(root):
    """No password is written down anywhere, and nothing starts without one."""
    found = []
    for name, service in services(root).items():
        for key, value in service.get("environment", {}).items():
            pattern = REFERENCE if "DSN" not in key else rf"\w+://\w+:{REFERENCE}@[^@]+"
            if SECRET.search(key) and not re.fullmatch(pattern, str(value)):
                found.append(f"{name}: {key} is no ${{NAME:?…}}")
    text = re.sub(r"^\s*#.*", "", read(root, "deploy/compose.yaml"), flags=re.M)
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    lines = [line for line in read(root, "deploy/env.example").splitlines() if line and not line.startswith("#")]
    given = {line.partition("=")[0]: line.partition("=")[2] for line in lines}
    found += [f"env.example: {name} has a value" for name, value in given.items() if value]
    found += [f"env.example and compose.yaml: {name} in one only" for name in sorted(used ^ set(given))]
    if "/deploy/.env" not in read(root, ".gitignore").split():
        found.append(".gitignore: /deploy/.env could be committed")
    return found


def check_versions(root):
    """The stack is the one that the tests talk to."""
    every, found = services(root), []
    for name in ("kafka", "cassandra"):
        tested = re.search(rf"<{name}.version>([^<]+)<", read(root, f"tests/services/poms/{name}.xml"))[1]
        for service in every.values():
            if re.match(rf"(apache/)?{name}:", service["image"]) and service["image"].split(":")[1] != tested:
                found.append(f"{service['image']}: tests run with {tested}")
    version = re.search(r"project\(leat VERSION (\S+)", read(root, "CMakeLists.txt"))[1]
    for service in every.values():
        if service["image"].startswith("leat:") and service["image"] != f"leat:${{LEAT_VERSION:-{version}}}":
            found.append(f"{service['image']}: leat is {version}")
    return found


def check_example(root):
    """What the example asks the environment for, each process is given."""
    text = re.sub(r"#.*", "", read(root, "examples/users/leat.yaml"))
    return [f"{name}: no {wanted}" for name, service in pipelines(root).items()
            for wanted in re.findall(r"\$\{(\w+)", text) if wanted not in service["environment"]]


def check_dockerfile(root):
    text = re.sub(r"^\s*#.*\n", "", read(root, "deploy/Dockerfile"), flags=re.M).replace("\\\n", " ")
    steps = [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]
    found = []

    def values(word, of):
        return [rest for name, rest in of if name == word]
    begins = [n for n, (word, _) in enumerate(steps) if word == "FROM"]
    if len(begins) < 2:
        return ["one stage only: what builds would be in the image"]
    build, last = steps[begins[0]:begins[-1]], steps[begins[-1]:]
    found += [f"FROM {image}: no exact version" for image in values("FROM", steps) if not pinned(image.split()[0])]
    if not any(re.search(r"scripts/deps|make deps", run) for run in values("RUN", build)):
        found.append("packages do not come from scripts/deps")
    packages = set(read(root, "apt-packages.txt").split()) - {"git", "curl", "openssl", "python3", "ca-certificates"}
    for run in values("RUN", steps):
        if "apt-get" in run or packages & set(run.split()):
            found.append(f"RUN names packages: {run}")
    if not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", (values("USER", last) or [""])[-1]):
        found.append("USER is no number other than 0")
    if not any("leat-health" in check for check in values("HEALTHCHECK", last)):
        found.append("no HEALTHCHECK by leat-health")
    if values("STOPSIGNAL", last) != ["SIGTERM"]:
        found.append("no STOPSIGNAL SIGTERM")
    for word in ("ENTRYPOINT", "CMD"):
        if not any(value.startswith("[") for value in values(word, last)):
            found.append(f"{word} is no list: a shell would stand between signals and leat")
    found += [f"{word} {rest}: a secret would be in the image" for word, rest in steps
              if word in ("ENV", "ARG") and SECRET.search(rest.partition("=")[0])]
    ignored = set(read(root, ".dockerignore").split())
    found += [f".dockerignore: {name} would be sent" for name in (".git", ".deps", "build", "**/.env", "**/.leat")
              if name not in ignored]
    return found


def unit(root):
    """Key to its values, in their order."""
    keys = {}
    for line in read(root, "deploy/leat.service").splitlines():
        if "=" in line and not line.startswith("#"):
            keys.setdefault(line.partition("=")[0], []).append(line.partition("=")[2])
    return keys


def check_unit(root):
    keys = unit(root)
    found = [f"{key}={keys.get(key)}, not {value}" for key, value in UNIT.items() if keys.get(key) != [value]]
    if seconds(keys.get("TimeoutStopSec", ["0"])[-1]) < drain_s(root):
        found.append("TimeoutStopSec: killed before it can have drained")
    if "@system-service" not in keys.get("SystemCallFilter", [""])[0]:
        found.append("SystemCallFilter does not begin with @system-service")
    if not keys.get("EnvironmentFile") or any(SECRET.search(value) for value in keys.get("Environment", [])):
        found.append("secrets belong into EnvironmentFile")
    if not keys.get("MemoryMax") or LEAT_DATA not in keys.get("ExecStart", [""])[0]:
        found.append("no MemoryMax, or data elsewhere than the state directory")
    return found


def check_systemd(root):
    """What systemd itself says. The program is not installed here: another stands in for it."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "leat.service"
        path.write_text(read(root, "deploy/leat.service").replace("/usr/local/bin/leat ", "/bin/true "))
        for arguments in (["verify", "--man=no"],
                          ["security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}"]):
            done = subprocess.run(["systemd-analyze", *arguments, path], text=True, capture_output=True, timeout=30)
            said = [line for line in done.stderr.splitlines() if "leat.service" in line]
            if done.returncode or said:
                found.append(f"systemd-analyze {arguments[0]}: {said or done.stdout.splitlines()[-1:]}")
    return found


def check_page(root):
    """Services and files that docs/deploy.md names are there."""
    text, every = read(root, "docs/deploy.md"), services(root)
    named = re.findall(r"\bdocker compose .*?\b(?:exec|logs|stop|restart|build|up) (?:-\S+ )*([a-z][\w-]*)", text)
    found = [f"docs/deploy.md: no service {name}" for name in named if name not in every]
    return found + [f"docs/deploy.md: no file {name}" for name in re.findall(r"\bdeploy/[\w./-]*\w", text)
                    if name != "deploy/.env" and not (root / name).exists()]


CHECKS = (check_services, check_leat, check_users, check_volumes, check_secrets, check_versions, check_example,
          check_dockerfile, check_unit, check_systemd, check_page)


class Deploy(unittest.TestCase):
    def test_the_files_keep_their_promises(self):
        for check in CHECKS:
            with self.subTest(check.__name__):
                self.assertEqual(check(ROOT), [])


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def call(self, name, *arguments, **env):
        return subprocess.run(["bash", ROOT / "deploy" / name, *arguments], text=True, capture_output=True, timeout=30,
                              env={"PATH": f"{self.folder}:{os.environ['PATH']}", **env})

    def test_weak_passwords_are_refused(self):
        good, other = "0123456789abcdef", "fedcba9876543210"
        for weak in ("", "cassandra", "0123456789abcde", "0123456789abcde'", "0123456789abcdef%"):
            for name, env in (("cassandra", {"CASSANDRA_ADMIN_PASSWORD": good, "CASSANDRA_PASSWORD": weak}),
                              ("cassandra", {"CASSANDRA_ADMIN_PASSWORD": weak, "CASSANDRA_PASSWORD": good}),
                              ("postgres", {"WAREHOUSE_PASSWORD": weak})):
                done = self.call(f"servers/{name}-roles.sh", **env)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn("openssl rand -hex 24", done.stderr)
        done = self.call("servers/cassandra-roles.sh", CASSANDRA_ADMIN_PASSWORD=good, CASSANDRA_PASSWORD=good)
        self.assertIn("must differ", done.stderr)
        (self.folder / "psql").write_text("#!/bin/sh\nexit 0\n")  # the good ones come further
        (self.folder / "psql").chmod(0o755)
        self.assertEqual(self.call("servers/postgres-roles.sh", WAREHOUSE_PASSWORD=other).returncode, 0)

    def start_cassandra(self, text):
        (self.folder / "cassandra.yaml").write_text(text)
        (self.folder / "docker-entrypoint.sh").write_text("#!/bin/sh\necho started \"$@\"\n")
        (self.folder / "docker-entrypoint.sh").chmod(0o755)
        done = self.call("servers/cassandra-start.sh", CASSANDRA_CONF=str(self.folder))
        return done, (self.folder / "cassandra.yaml").read_text()

    def test_cassandra_does_not_start_open_to_all(self):
        # As releases spell it.
        for pair in ("authenticator:\n  class_name : AllowAllAuthenticator\n"
                     "authorizer:\n  class_name: AllowAllAuthorizer\n",
                     "authenticator: AllowAllAuthenticator\n"
                     "authorizer: org.apache.cassandra.auth.AllowAllAuthorizer\n"):
            shipped = f"# - AllowAllAuthenticator checks nothing\n{pair}network_authorizer: AllowAllNetworkAuthorizer\n"
            once = self.start_cassandra(shipped)
            self.assertEqual(once[0].stdout, "started cassandra -f\n", once[0])
            self.assertEqual(once[1].replace("PasswordAuthenticator", "AllowAllAuthenticator")
                             .replace("CassandraAuthorizer", "AllowAllAuthorizer"), shipped)
            self.assertEqual(self.start_cassandra(once[1])[1], once[1])
        for text in ("authenticator: SomethingNew\nauthorizer: CassandraAuthorizer\n",
                     "#authenticator: AllowAllAuthenticator\nauthorizer: AllowAllAuthorizer\n"):
            done = self.start_cassandra(text)[0]
            self.assertEqual((done.returncode, done.stdout), (1, ""), done)

    def test_health(self):
        class Api(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # leat answers to its own name only
                ours = self.headers["Host"] == f"127.0.0.1:{self.server.server_port}"
                self.send_response(421 if not ours else 200 if self.path == "/healthz" else 503)
                self.end_headers()
                self.wfile.write(b'{"waiting_for":["kafka"]}\n')

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        self.assertEqual(self.call("leat-health", LEAT_PORT=port).returncode, 0)
        self.assertEqual(self.call("leat-health", "/healthz", LEAT_PORT=port).returncode, 0)
        done = self.call("leat-health", "/readyz", LEAT_PORT=port)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("/readyz answers 503", done.stdout)
        self.assertIn("kafka", done.stdout)
        server.shutdown()
        server.server_close()
        self.assertEqual(self.call("leat-health", LEAT_PORT=port).returncode, 1)
        self.assertIn(f"LEAT_PORT:-{limit(ROOT, 'kDefaultApiPort')}}}", read(ROOT, "deploy/leat-health"))


class TheChecksThemselves(unittest.TestCase):
    """Each line of BREAKS: a check, a file, what is taken out, what is put there, what is said of it."""
    COMPOSE = "deploy/compose.yaml"
    BREAKS = (
        (check_services, COMPOSE, "image: apache/kafka:4.3.1", "image: apache/kafka:latest", "kafka: image"),
        (check_services, COMPOSE, "image: apache/kafka:4.3.1", "image: apache/kafka", "kafka: image"),
        (check_services, COMPOSE, "image: leat:${LEAT_VERSION:-0.1.0}",
         "image: leat:${LEAT_VERSION:-latest}", "leat-1: image"),
        (check_services, COMPOSE, "  mem_limit: 3G\n", "", "leat-2: no mem_limit"),
        (check_services, COMPOSE, "    cpus: 2\n", "", "no cpus"),
        (check_services, COMPOSE, "test: [CMD, pg_isready", "command: [CMD, pg_isready", "postgres: no healthcheck"),
        (check_services, COMPOSE, "healthcheck: {disable: true}", "", "cassandra-roles: a step"),
        (check_services, COMPOSE, "  restart: unless-stopped\n", "", "kafka: no restart"),
        (check_services, COMPOSE, '  security_opt: ["no-new-privileges:true"]\n', "", "kafka: no no-new-privileges"),
        (check_services, COMPOSE, "shm_size: 256m", "ports: [5432]", "postgres: privileged"),
        (check_services, COMPOSE, "kafka: {condition: service_healthy}",
         "kafka: {condition: service_started}", "depends on kafka"),
        (check_services, COMPOSE, "postgres-roles: {condition: service_completed_successfully}",
         "oracle: {condition: service_healthy}", "depends on oracle"),
        (check_leat, COMPOSE, "  pids_limit: 512\n  read_only: true\n", "", "leat-1: not read_only"),
        (check_leat, COMPOSE, "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "leat-2: not read_only, or with capabilities"),
        (check_leat, COMPOSE, "stop_grace_period: 30s", "stop_grace_period: 10s", "leat-1: killed before"),
        (check_leat, COMPOSE, "leat-2:/var/lib/leat", "leat-1:/var/lib/leat", "volumes for data"),
        (check_leat, COMPOSE, "--profile, cluster, ", "", "command without profile"),
        (check_leat, COMPOSE, "    cassandra: {condition: service_healthy}\n    postgres:",
         "    postgres:", "leat-1: does not wait"),
        (check_leat, COMPOSE, "    schema-registry: {condition: service_healthy}\n", "", "leat-2: does not wait"),
        (check_leat, COMPOSE, "--users, /run/leat/registry-users.yaml, ", "", "schema-registry: listens without users"),
        (check_users, COMPOSE, "SCHEMA_REGISTRY_ADMIN_PASSWORD: ", "OTHER: ", "the password of admin"),
        (check_users, "deploy/servers/registry-users.yaml", '"${SCHEMA_REGISTRY_PASSWORD}"', "leat", "the password of leat"),
        (check_volumes, COMPOSE, '    volumes: ["kafka:/var/lib/kafka/data"]\n', "", "kafka: no named volume"),
        (check_volumes, COMPOSE, "  cassandra: {}\n", "", "volume cassandra: used or declared"),
        (check_volumes, COMPOSE, "./servers/postgres-roles.sh:",
         "./servers/gone.sh:", "./servers/gone.sh is not there"),
        (check_secrets, COMPOSE, "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?",
         "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-", "postgres: POSTGRES_PASSWORD"),
        (check_secrets, COMPOSE, "PGPASSWORD: ${POSTGRES_PASSWORD:?put it into deploy/.env, see deploy/env.example}",
         "PGPASSWORD: postgres", "PGPASSWORD is no"),
        (check_secrets, COMPOSE, "${WAREHOUSE_PASSWORD:?put it into deploy/.env, see deploy/env.example}@",
         "leat@", "leat-1: WAREHOUSE_DSN"),
        (check_secrets, COMPOSE, "CASSANDRA_HOST: cassandra", "CASSANDRA_HOST: ${SOMEWHERE}", "SOMEWHERE in one only"),
        (check_secrets, "deploy/env.example", "POSTGRES_PASSWORD=",
         "POSTGRES_PASSWORD=postgres", "POSTGRES_PASSWORD has a value"),
        (check_secrets, "deploy/env.example", "USERS_API=", "", "USERS_API in one only"),
        (check_secrets, ".gitignore", "/deploy/.env", "", "could be committed"),
        (check_versions, COMPOSE, "cassandra:5.0.9", "cassandra:5.0.1", "cassandra:5.0.1: tests run with"),
        (check_versions, "CMakeLists.txt", "VERSION 0.1.0", "VERSION 0.2.0", "leat is 0.2.0"),
        (check_example, "examples/users/leat.yaml", "profiles:",
         "profiles:\n  far: {log: {kafka: {brokers: \"${FAR_BROKERS}\"}}}", "leat-2: no FAR_BROKERS"),
        (check_dockerfile, "deploy/Dockerfile", "debian:12.15-slim AS build",
         "debian:stable-slim AS build", "FROM debian:stable-slim"),
        (check_dockerfile, "deploy/Dockerfile", "USER 10001:10001\n", "", "USER is no number"),
        (check_dockerfile, "deploy/Dockerfile", "USER 10001:10001", "USER 0", "USER is no number"),
        (check_dockerfile, "deploy/Dockerfile", "HEALTHCHECK", "LABEL", "no HEALTHCHECK"),
        (check_dockerfile, "deploy/Dockerfile", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "no STOPSIGNAL"),
        (check_dockerfile, "deploy/Dockerfile", 'ENTRYPOINT ["/usr/local/bin/leat"]',
         "ENTRYPOINT /usr/local/bin/leat", "ENTRYPOINT is no list"),
        (check_dockerfile, "deploy/Dockerfile", "RUN scripts/deps",
         "RUN apt-get install -y cmake", "RUN names packages"),
        (check_dockerfile, "deploy/Dockerfile", "RUN scripts/deps", "", "do not come from scripts/deps"),
        (check_dockerfile, "deploy/Dockerfile", "ARG JOBS=2", "ARG NPM_TOKEN=x", "a secret would be"),
        (check_dockerfile, ".dockerignore", "**/.env", "", "**/.env would be sent"),
        (check_unit, "deploy/leat.service", "ProtectSystem=strict", "ProtectSystem=full", "ProtectSystem="),
        (check_unit, "deploy/leat.service", "NoNewPrivileges=yes\n", "", "NoNewPrivileges="),
        (check_unit, "deploy/leat.service", "RestartPreventExitStatus=2", "", "RestartPreventExitStatus="),
        (check_unit, "deploy/leat.service", "TimeoutStopSec=30s", "TimeoutStopSec=10s", "TimeoutStopSec"),
        (check_unit, "deploy/leat.service", "SystemCallFilter=@system-service", "", "SystemCallFilter"),
        (check_unit, "deploy/leat.service", "EnvironmentFile=-/etc/leat/leat.env",
         "Environment=WAREHOUSE_DSN=x", "EnvironmentFile"),
        (check_unit, "deploy/leat.service", "MemoryMax=4G", "", "no MemoryMax"),
        (check_systemd, "deploy/leat.service", "PrivateTmp=yes", "PrivateTemp=yes", "systemd-analyze verify"),
        (check_systemd, "deploy/leat.service", "ExecStart=/usr/local/bin/leat run",
         "ExecStart=leat-is-nowhere run", "systemd-analyze verify"),
        (check_systemd, "deploy/leat.service", "CapabilityBoundingSet=\n", "", "systemd-analyze security"),
        (check_page, "docs/deploy.md", "leat-1", "leat-9", "no service leat-9"),
        (check_page, "docs/deploy.md", "deploy/leat.service", "deploy/gone.service", "no file deploy/gone.service"),
    )

    def test_each_finds_what_was_broken(self):
        names = [".gitignore", ".dockerignore", "CMakeLists.txt", "apt-packages.txt", "deploy", "docs/deploy.md",
                 "src/base/limits.h", "tests/services/poms", "examples/users/leat.yaml"]
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            for name in names:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
            for check, name, old, new, said in self.BREAKS:
                with self.subTest(f"{check.__name__}: {old!r} -> {new!r}"):
                    text = read(ROOT, name)
                    self.assertIn(old, text, "the line to break is no longer there")
                    (copy / name).write_text(text.replace(old, new), encoding="utf-8")
                    self.assertIn(said, "\n".join(check(copy)))
                    (copy / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    unittest.main()
