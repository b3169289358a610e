# Package lib.rules has what checks of our own share, whatever they are about.
package lib.rules

import rego.v1

# at is what a check reports: a message about a line, and what it is about.
at(line, resource, msg) := {"msg": msg, "startline": line, "resource": resource, "root": resource}

# mode says that a mount is read-only.
mode(m) := ", read-only" if m.read_only

else := ""

# runtime_socket is true for the sockets by which container runtimes are
# controlled.
runtime_socket(path) if regex.match(`^(/var)?/run(/user/[^/]+)?/(docker\.sock|podman/podman\.sock|containerd/containerd\.sock|crio/crio\.sock|k3s/containerd/containerd\.sock|balena-engine\.sock|cri-dockerd\.sock)$`, path)

# sensitive_path is true for directories of a host that hold its configuration,
# its devices, or the keys of its users.
sensitive_path(path) if path in {
	"/", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/bin", "/sys",
	"/usr", "/usr/bin", "/usr/lib", "/usr/sbin", "/var", "/var/lib", "/var/run", "/var/lib/docker", "/var/lib/containerd",
	"/var/lib/kubelet", "/var/lib/containers", "/etc/shadow", "/etc/passwd", "/etc/sudoers", "/etc/kubernetes", "/etc/docker", "/etc/ssh",
	"/etc/cron.d", "/var/spool/cron", "/sys/kernel/debug",
}

sensitive_path(path) if regex.match(`^(~|/root|/home/[^/]+)/?(\.(ssh|aws|kube|gnupg|azure|docker|config/gcloud|netrc|git-credentials)(/.*)?)$`, path)

sensitive_path("~")

sensitive_path("~/")

# secret_name is true for names of variables that hold secrets.
secret_name(name) if {
	regex.match(`(?i)(^|[^a-z])(password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key|auth_?key|encryption_?key|credentials?|pass)$`, snake(name))
	not regex.match(`(?i)(public|_file$|_path$|_url$|_name$|_id$)`, snake(name))
}

# snake puts an underscore between the words of a name.
snake(name) := regex.replace(regex.replace(name, `([a-z0-9])([A-Z])`, "${1}_${2}"), `[-.]`, "_")

# secret_value is true for texts that may be a secret: not for what is empty, a
# switch, a path, or says that it stands for something else.
secret_value(value) if {
	count(value) > 2
	not lower(value) in {"true", "false", "yes", "none", "null", "off", "undefined"}
	not regex.match(`^(/[A-Za-z0-9._-]+)+$`, value)
	not regex.match(`^(\$|<[^>]*>$|\{\{|\[\[|%\(|\*+$|x{3,}$|X{3,}$|\.{3,}$)`, value)
	not regex.match(`^(ref\+|vault:|op://|arn:aws:|secretref:|ssm:|sm:)`, value)
}

# credentials_in_url is true for an address with a password in it.
credentials_in_url(value) if {
	regex.match(`^[a-z][a-z0-9+.-]*://[^/\s:@$]*:[^/\s:@$<{*][^/\s:@]*@`, value)
	not regex.match(`^[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]*(\$|\{\{)`, value)
}

# private_ports are ports of services that are not for the public.
private_ports := {
	"1433": "SQL Server", "1521": "Oracle", "2049": "NFS", "2375": "the Docker API", "2376": "the Docker API",
	"2379": "etcd", "2380": "etcd", "3306": "MySQL", "4369": "the Erlang port mapper", "5432": "PostgreSQL",
	"5601": "Kibana", "5984": "CouchDB", "6379": "Redis", "6380": "Redis", "7000": "Cassandra", "7474": "Neo4j",
	"7687": "Neo4j", "8086": "InfluxDB", "8123": "ClickHouse", "9042": "Cassandra",
	"9092": "Kafka", "9200": "Elasticsearch", "9300": "Elasticsearch", "11211": "memcached", "15672": "the management of RabbitMQ",
	"26257": "CockroachDB", "27017": "MongoDB", "27018": "MongoDB", "28015": "RethinkDB", "5005": "a Java debugger",
}

# has_arg is true if a task has one of the arguments.
has_arg(task, names) if {
	some a in task.args
	a.name in names
}
