/** Where one cluster keeps everything it writes. */
export interface CephPaths {
  readonly dir: string;
  readonly conf: string;
  readonly keyring: string;
  readonly monmap: string;
  readonly logs: string;
}

export function cephPaths(dir: string): CephPaths {
  return { dir, conf: `${dir}/ceph.conf`, keyring: `${dir}/keyring`, monmap: `${dir}/monmap`, logs: `${dir}/log` };
}

export interface CephConfig {
  readonly fsid: string;
  readonly monPort: number;
  readonly s3Port: number;
}

/** Folders below the cluster's that have to exist before the first daemon starts. */
export const CEPH_FOLDERS = ["mon", "osd", "rgw", "log", "run"] as const;

/**
 * ceph.conf of a throw-away cluster: one monitor, one OSD that keeps its objects in memory, one S3 gateway, all on
 * loopback. The gateway creates its pools one after another, and each costs several rounds of the monitor's Paxos: with
 * the default proposal interval of a second the start takes 11 s, with 50 ms it takes one.
 */
export function cephConf(paths: CephPaths, config: CephConfig): string {
  return `[global]
fsid = ${config.fsid}
mon host = [v2:127.0.0.1:${config.monPort}]
mon initial members = x
public addr = 127.0.0.1
# radosgw hangs at start without a key, so authentication stays on.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${paths.keyring}
run dir = ${paths.dir}/run
# A socket's path is limited to 107 bytes, which a temporary folder can exceed; nothing here asks for one.
admin socket =
pid file =
log file = ${paths.logs}/$name.log
mon cluster log file = ${paths.logs}/cluster.log
crash dir = ${paths.logs}
mon data = ${paths.dir}/mon
osd data = ${paths.dir}/osd
rgw data = ${paths.dir}/rgw
paxos propose interval = 0.05
paxos min wait = 0.01
mon data avail warn = 1
mon data avail crit = 1
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = 8589934592
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
rgw rados pool pg num min = 1
# Without it each answer with a body waits 40 ms for the client's delayed acknowledgement.
rgw frontends = beast endpoint=127.0.0.1:${config.s3Port} tcp_nodelay=1
`;
}
