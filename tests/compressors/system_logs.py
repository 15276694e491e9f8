"""Logs of services and machines, made from a seed: thousands of lines of a few dozen templates, and a few alerts whose
words are the only thing that tells them from the rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Stamp = Callable[[int, random.Random], str]


@dataclass(frozen=True)
class Family:
    """One program's way of writing: what stands before each message, its usual messages, and its alerts."""

    name: str
    stamp: Stamp
    usual: tuple[str, ...]
    alerts: tuple[str, ...]


@dataclass(frozen=True)
class SystemLog:
    """A log, and the lines in it that must be seen."""

    text: str
    alerts: tuple[str, ...]


def _clock(second: int) -> str:
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _syslog(program: str) -> Stamp:
    return lambda second, rng: f"Mar  4 {_clock(second)} web{rng.randrange(3)} {program}[{rng.randrange(900, 32000)}]: "


def _kernel(second: int, rng: random.Random) -> str:
    return f"Mar  4 {_clock(second)} web1 kernel: [{second}.{rng.randrange(10**6):06d}] "


def _hdfs(second: int, rng: random.Random) -> str:
    return f"081109 {_clock(second).replace(':', '')} {rng.randrange(9, 3000)} INFO "


def _ras(second: int, rng: random.Random) -> str:
    node = f"R{rng.randrange(64):02d}-M{rng.randrange(2)}-N{rng.randrange(16):X}-C:J{rng.randrange(18):02d}-U01"
    day = f"2005-06-03-{_clock(second).replace(':', '.')}.{rng.randrange(10**6):06d}"
    return f"- {1117838570 + second} 2005.06.03 {node} {day} {node} RAS KERNEL "


def _iso(second: int, rng: random.Random) -> str:
    return f"2025-03-04T{_clock(second)}.{rng.randrange(1000):03d}Z "


def _java(second: int, rng: random.Random) -> str:
    return f"2015-07-29 {_clock(second)},{rng.randrange(1000):03d} - INFO  "


def _switch(second: int, rng: random.Random) -> str:
    return f"Mar  4 {_clock(second)} sw{rng.randrange(4)} {second % 9973}: "


FAMILIES: tuple[Family, ...] = (
    Family(
        "sshd",
        _syslog("sshd"),
        (
            "Accepted publickey for deploy from 10.{b}.{b}.{b} port {port} ssh2: RSA SHA256:{hex}",
            "pam_unix(sshd:session): session opened for user {user} by (uid=0)",
            "pam_unix(sshd:session): session closed for user {user}",
            "Received disconnect from 10.{b}.{b}.{b} port {port}:11: disconnected by user",
            "Connection closed by 10.{b}.{b}.{b} port {port} [preauth]",
        ),
        (
            "Failed password for invalid user {user} from 203.0.113.{b} port {port} ssh2",
            "error: maximum authentication attempts exceeded for root from 203.0.113.{b} port {port} ssh2 [preauth]",
            "reverse mapping checking getaddrinfo for host{b}.example.org failed - POSSIBLE BREAK-IN ATTEMPT!",
            "User {user} from 203.0.113.{b} not allowed because not listed in AllowUsers",
        ),
    ),
    Family(
        "kernel",
        _kernel,
        (
            "usb {b}-{b}: new high-speed USB device number {b} using xhci_hcd",
            "IPv6: ADDRCONF(NETDEV_CHANGE): veth{hex}: link becomes ready",
            "docker0: port {b}(veth{hex}) entered forwarding state",
            'audit: type=1400 audit({num}): apparmor="ALLOWED" operation="open" pid={num}',
            "EXT4-fs (sda{b}): mounted filesystem with ordered data mode. Opts: (null)",
        ),
        (
            "Out of memory: Killed process {num} (java) total-vm:{num}kB, anon-rss:{num}kB",
            "INFO: task kworker/u{b}:{b} blocked for more than 120 seconds.",
            "EXT4-fs error (device sda{b}): ext4_find_entry: reading directory lblock 0",
            "EDAC MC0: {b} CE memory read error on CPU_SrcID#0_Ha#0_Chan#1",
            "nginx[{num}]: segfault at {hex} ip {hex} sp {hex} error 4 in nginx",
            "mce: CPU{b}: Core temperature above threshold, cpu clock throttled",
        ),
    ),
    Family(
        "hdfs",
        _hdfs,
        (
            "dfs.DataNode$PacketResponder: PacketResponder {b} for block blk_{num} terminating",
            "dfs.FSNamesystem: BLOCK* addStoredBlock: blockMap updated: 10.{b}.{b}.{b}:50010 is added to blk_{num}",
            "dfs.DataNode$DataXceiver: Receiving block blk_{num} src: /10.{b}.{b}.{b}:{port} dest: /10.0.0.1:50010",
            "dfs.DataNode$PacketResponder: Received block blk_{num} of size 67108864 from /10.{b}.{b}.{b}",
        ),
        (
            "dfs.DataNode$DataXceiver: writeBlock blk_{num} received exception IOException: Could not read from stream",
            "dfs.FSNamesystem: BLOCK* addStoredBlock: Redundant addStoredBlock request received for blk_{num}",
            "dfs.DataNode: 10.{b}.{b}.{b}:50010:Got exception while serving blk_{num} to /10.{b}.{b}.{b}:",
            "dfs.FSDataset: Unexpected error trying to delete block blk_{num}. BlockInfo not found in volumeMap.",
        ),
    ),
    Family(
        "ras",
        _ras,
        (
            "INFO generating core.{num}",
            "INFO instruction cache parity error corrected",
            "INFO {b} double-hummer alignment exceptions",
            "INFO CE sym {b}, at 0x{hex}, mask 0x{b}",
        ),
        (
            "FATAL data TLB error interrupt",
            "FATAL rts: kernel terminated for reason 1004rts: bad message header: invalid node {b}",
            "FATAL machine check interrupt (bit=0x{b}): L2 dcache unit data parity error",
            "FATAL idoproxydb hit ASSERT condition: ASSERT expression={b}",
        ),
    ),
    Family(
        "service",
        _iso,
        (
            'level=info msg="request done" method=GET path=/v1/orders/{num} status=200 took={num}us trace={hex}',
            'level=info msg="cache refreshed" entries={num} took={num}us',
            'level=debug msg="lease renewed" node=10.{b}.{b}.{b} ttl={b}s',
            'level=info msg="job {num} finished" queue=mail worker={b}',
        ),
        (
            'level=warn msg="upstream 10.{b}.{b}.{b} unreachable, retrying" attempt={b}',
            'level=error msg="payment {num} rejected by gateway" code=E{b}',
            'level=info msg="deadline exceeded while reading shard {b}" took={num}us',
            'level=info msg="checksum of segment {num} does not match, marked corrupt"',
            'level=fatal msg="permission denied on /data/{num}"',
        ),
    ),
    Family(
        "zookeeper",
        _java,
        (
            "[NIOServerCxn.Factory:0.0.0.0:2181:NIOServerCnxn@1001] - Closed connection for /10.{b}.{b}.{b}:{port}",
            "[CommitProcessor:1:ZooKeeperServer@617] - Established session 0x{hex} for client /10.{b}.{b}.{b}:{port}",
            "[ProcessThread:-1:PrepRequestProcessor@476] - Processed session termination for sessionid: 0x{hex}",
            "[/10.10.34.11:3888:QuorumCnxManager$Listener@493] - Received connection request /10.{b}.{b}.{b}:{port}",
        ),
        (
            "[SendWorker:1:QuorumCnxManager$SendWorker@679] - Interrupted while waiting for message on queue {b}",
            "[RecvWorker:1:QuorumCnxManager$RecvWorker@762] - Connection broken for id {num}, my id = {b}, error = ",
            "[WorkerSender:QuorumCnxManager@368] - Cannot open channel to {b} at election address /10.{b}.{b}.{b}:3888",
            "[SessionTracker:ZooKeeperServer@325] - Expiring session 0x{hex}, timeout of 10000ms exceeded",
        ),
    ),
    Family(
        "switch",
        _switch,
        (
            "%SYS-5-CONFIG_I: Configured from console by admin on vty{b} (10.{b}.{b}.{b})",
            "%SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: {user}] [Source: 10.{b}.{b}.{b}] [localport: 22]",
            "%LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/0/{b}, changed state to up",
            "%DHCP-6-ADDRESS_ASSIGN: Interface Vlan{b} assigned address 10.{b}.{b}.{b}",
        ),
        (
            "%SEC-6-IPACCESSLOGP: list 101 denied tcp 203.0.113.{b}({port}) -> 10.{b}.{b}.{b}(22), 1 packet",
            "%LINK-3-UPDOWN: Interface GigabitEthernet1/0/{b}, changed state to down",
            "%ENVMON-2-FAN_FAILED: Fan {b} not rotating",
            "%SPANTREE-2-LOOPGUARD_BLOCK: Loop guard blocking port Gi1/0/{b} on VLAN{b}",
        ),
    ),
)


def system_log(family: Family, seed: int, *, lines: int = 1500, alerts: int = 24) -> SystemLog:
    """A log of `family`, in which as many lines as `alerts` says, spread by chance, are alerts."""
    rng = random.Random(f"{family.name} {seed}")
    places = set(rng.sample(range(lines), alerts))
    second = rng.randrange(80_000)
    found, told = [], []
    for number in range(lines):
        second += rng.randrange(3)
        template = rng.choice(family.alerts if number in places else family.usual)
        found.append(family.stamp(second, rng) + _filled(template, rng))
        if number in places:
            told.append(found[-1])
    return SystemLog("\n".join(found) + "\n", tuple(told))


def _filled(template: str, rng: random.Random) -> str:
    while "{" in template:
        for field, value in (
            ("{b}", f"{rng.randrange(1, 254)}"),
            ("{port}", f"{rng.randrange(1024, 65535)}"),
            ("{num}", f"{rng.randrange(10**3, 10**7)}"),
            ("{hex}", f"{rng.getrandbits(44):011x}"),
            ("{user}", rng.choice(("root", "deploy", "admin", "oracle", "git", "backup", "www"))),
        ):
            template = template.replace(field, value, 1)
    return template
