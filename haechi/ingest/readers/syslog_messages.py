"""What OpenSSH, sudo and PAM write to syslog, as templates (OpenSSH 5 to 10: auth.c, auth2.c, packet.c, sshd.c).

More special patterns stand before more general ones: the first that fits counts.
"""

from haechi.ingest.engines.text.template_table import Program, Template

_PAM: tuple[Template, ...] = (
    Template("pam_unix({_}): authentication failure; {_}rhost={host}  user={user}", "PAM authentication failure", "failure"),
    Template("pam_unix({_}): authentication failure; {_}rhost={host}", "PAM authentication failure", "failure"),
    Template("pam_unix({_}): session opened for user {user}(uid", "PAM session opened", "success"),
    Template("pam_unix({_}): session opened for user {user} by ", "PAM session opened", "success"),
    Template("pam_unix({_}): session closed for user {user}", "PAM session closed"),
    Template("PAM {extra:count} more authentication failures; {_}rhost={host}  user={user}", "PAM authentication failures", "failure"),
    Template("PAM {extra:count} more authentication failures; {_}rhost={host}", "PAM authentication failures", "failure"),
    Template("PAM {extra:count} more authentication failure; {_}rhost={host}  user={user}", "PAM authentication failure", "failure"),
    Template("PAM {extra:count} more authentication failure; {_}rhost={host}", "PAM authentication failure", "failure"),
    Template("authentication failure; {_}rhost={host}  user={user}", "PAM authentication failure", "failure"),
    Template("authentication failure; {_}rhost={host}", "PAM authentication failure", "failure"),
)  # fmt: skip

SSHD = Program(
    names=("sshd", "sshd-session", "sshd-auth", "sshd(pam_unix)"),
    source_type="sshd",
    app_proto="ssh",
    templates=(
        Template("Failed {extra:method} for invalid user {user*} from {host} port {src_port}", "Failed login, invalid user", "failure"),
        Template("Failed {extra:method} for {user*} from {host} port {src_port}", "Failed login", "failure"),
        Template("Accepted {extra:method} for {user*} from {host} port {src_port}", "Accepted login", "success"),
        Template("Postponed {extra:method} for invalid user {user*} from {host} port {src_port}", "Postponed login, invalid user"),
        Template("Postponed {extra:method} for {user*} from {host} port {src_port}", "Postponed login"),
        Template("Partial {extra:method} for {user*} from {host} port {src_port}", "Partial login"),
        Template("Invalid user {user*} from {host} port {src_port}", "Invalid user", "failure"),
        Template("Invalid user {user*} from {host}", "Invalid user", "failure"),
        Template("Illegal user {user*} from {host}", "Invalid user", "failure"),
        Template("input_userauth_request: invalid user {user*} [preauth]", "Invalid user", "failure"),
        Template("User {user*} from {host} not allowed because {extra:reason}", "User not allowed", "failure"),
        Template("Connection closed by authenticating user {user+host} port {src_port}", "Connection closed", "failure"),
        Template("Connection closed by invalid user {user+host} port {src_port}", "Connection closed, invalid user", "failure"),
        Template("Connection closed by {host} port {src_port}", "Connection closed"),
        Template("Connection closed by {host}", "Connection closed"),
        Template("Connection reset by authenticating user {user+host} port {src_port}", "Connection reset", "failure"),
        Template("Connection reset by invalid user {user+host} port {src_port}", "Connection reset, invalid user", "failure"),
        Template("Connection reset by {host} port {src_port}", "Connection reset"),
        Template("Connection from {host} port {src_port}", "Connection"),
        Template("Disconnected from authenticating user {user+host} port {src_port}", "Disconnected", "failure"),
        Template("Disconnected from invalid user {user+host} port {src_port}", "Disconnected, invalid user", "failure"),
        Template("Disconnected from user {user+host} port {src_port}", "Disconnected"),
        Template("Disconnected from {host} port {src_port}", "Disconnected"),
        Template("Disconnected from {host}", "Disconnected"),
        Template("Received disconnect from {host} port {src_port}:{extra:reason}", "Received disconnect"),
        Template("Received disconnect from {host}: {extra:reason}", "Received disconnect"),
        Template("error: Received disconnect from {host} port {src_port}:{extra:reason}", "Received disconnect"),
        Template("error: Received disconnect from {host}: {extra:reason}", "Received disconnect"),
        Template("Disconnecting authenticating user {user+host} port {src_port}: {extra:reason}", "Disconnecting", "failure"),
        Template("Disconnecting invalid user {user+host} port {src_port}: {extra:reason}", "Disconnecting, invalid user", "failure"),
        Template("Disconnecting: Too many authentication failures for {user*} [preauth]", "Too many authentication failures", "failure"),
        Template("error: maximum authentication attempts exceeded for invalid user {user*} from {host} port {src_port}", "Too many authentication failures", "failure"),
        Template("error: maximum authentication attempts exceeded for {user*} from {host} port {src_port}", "Too many authentication failures", "failure"),
        Template("error: PAM: {extra:reason} for illegal user {user*} from {host}", "PAM authentication failure", "failure"),
        Template("error: PAM: {extra:reason} for {user*} from {host}", "PAM authentication failure", "failure"),
        Template("Did not receive identification string from {host} port {src_port}", "No identification string"),
        Template("Did not receive identification string from {host}", "No identification string"),
        Template("Bad protocol version identification {_*} from {host} port {src_port}", "Bad protocol version"),
        Template("banner exchange: Connection from {host} port {src_port}: {extra:reason}", "Bad banner"),
        Template("Unable to negotiate with {host} port {src_port}: {extra:reason}", "Unable to negotiate"),
        Template("reverse mapping checking getaddrinfo for {extra:src_host} [{host}] failed", "Reverse mapping failed"),
        Template("Address {host} maps to {extra:src_host}, but", "Reverse mapping failed"),
        Template("Starting session: {extra:session} for {user*} from {host} port {src_port}", "Session started", "success"),
        Template("ssh_dispatch_run_fatal: Connection from {host} port {src_port}: {extra:reason}", "Connection broken"),
        *_PAM,
    ),
)  # fmt: skip

SUDO = Program(
    names=("sudo",),
    source_type="sudo",
    app_proto="",
    templates=(
        Template("{user} : TTY={extra:tty} ; PWD={extra:pwd} ; USER={extra:as_user} ; COMMAND={extra:command}", "sudo", "success"),
        Template("{user} : {extra:reason} ; TTY={extra:tty} ; PWD={extra:pwd} ; USER={extra:as_user} ; COMMAND={extra:command}", "sudo refused", "failure"),
        *_PAM,
    ),
)  # fmt: skip

SU = Program(names=("su",), source_type="su", app_proto="", templates=_PAM)

PROGRAMS: tuple[Program, ...] = (SSHD, SUDO, SU)
