import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { until } from '../../support/timing.js'

/** File systems that this machine may be able to mount. Nothing is installed for them. */
export interface FileSystem {
  name: string
  /** Commands and files without which it is skipped. */
  needs: string[]
  /** Mounts it below a folder of its own. Returns the folders: two are two mounts of one folder. */
  mount(root: string, mounted: Mounted): Promise<string[]> | string[]
  /** What it cannot do, as the documentation says. */
  limit?: string
}

/** What has to be undone, in the reverse order. */
export class Mounted {
  readonly #undo: (() => void)[] = []

  /** Runs a command; the error of one that fails says what it printed. */
  run(command: string, ...args: string[]): void {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
  }

  mount(path: string, command: string, ...args: string[]): void {
    mkdirSync(path, { recursive: true })
    this.run(command, ...args)
    this.unmountLater(path)
  }

  unmountLater(path: string): void {
    this.later(() => this.run('umount', '-l', path))
  }

  later(undo: () => void): void {
    this.#undo.push(undo)
  }

  undoAll(): void {
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        undo()
      } catch (error) {
        console.error(`not undone: ${error}`)
      }
    }
  }
}

const IMAGE_SIZE = '400M'

const onLoopDevice = (kind: string, mountOptions = '', ...mkfs: string[]): FileSystem => ({
  name: kind,
  needs: [`mkfs.${kind}`, 'mount'],
  mount(root, mounted) {
    const image = join(root, 'image')
    mounted.run('truncate', '-s', IMAGE_SIZE, image)
    mounted.run(`mkfs.${kind}`, ...mkfs, image)
    mounted.mount(join(root, 'm'), 'mount', '-o', `loop${mountOptions}`, image, join(root, 'm'))
    return [join(root, 'm')]
  },
})

const tmpfs: FileSystem = {
  name: 'tmpfs',
  needs: ['mount'],
  mount(root, mounted) {
    mounted.mount(join(root, 'm'), 'mount', '-t', 'tmpfs', '-o', 'mode=700', 'none', join(root, 'm'))
    return [join(root, 'm')]
  },
}

function layers(root: string, mounted: Mounted): string {
  mounted.mount(join(root, 't'), 'mount', '-t', 'tmpfs', 'none', join(root, 't'))
  for (const name of ['lower', 'upper', 'work']) mkdirSync(join(root, 't', name))
  return ['lower', 'upper', 'work'].map((name) => `${name}dir=${join(root, 't', name)}`).join()
}

const overlay: FileSystem = {
  name: 'overlay',
  needs: ['mount'],
  mount(root, mounted) {
    const options = layers(root, mounted)
    mounted.mount(join(root, 'm'), 'mount', '-t', 'overlay', '-o', options, 'none', join(root, 'm'))
    return [join(root, 'm')]
  },
}

const fuseOverlay: FileSystem = {
  name: 'fuse-overlayfs',
  needs: ['fuse-overlayfs', '/dev/fuse'],
  mount(root, mounted) {
    const options = layers(root, mounted)
    mounted.mount(join(root, 'm'), 'fuse-overlayfs', '-o', options, join(root, 'm'))
    return [join(root, 'm')]
  },
}

/** Mounts one folder of the disk, once or twice, by a command that gets its path and the mount's. */
const throughFuse = (
  name: string,
  needs: string[],
  mounts: 1 | 2,
  command: (source: string, target: string, root: string) => string[],
  more: Partial<FileSystem> = {},
): FileSystem => ({
  name: mounts === 2 ? `${name}, two mounts` : name,
  needs: [...needs, '/dev/fuse'],
  mount(root, mounted) {
    const source = join(root, 'source')
    mkdirSync(source)
    const targets = ['m1', 'm2'].slice(0, mounts).map((target) => join(root, target))
    for (const target of targets) {
      const [program, ...args] = command(source, target, root)
      mounted.mount(target, program!, ...args)
    }
    return targets
  },
  ...more,
})

const CACHE_LIMIT = 'what the other mount changed is cached: up to one fetch for each mount'
const bindfs = (mounts: 1 | 2, ...options: string[]) =>
  throughFuse(['bindfs', ...options].join(' '), ['bindfs'], mounts, (source, target) => ['bindfs', ...options, source, target])

const RCLONE_LIMIT = 'cannot write in place: a clear error and no fetch'
const rclone = (cache: string, limit?: string) =>
  throughFuse(
    `rclone, cache ${cache}`,
    ['rclone', 'fusermount3'],
    1,
    (source, target, root) =>
      ['rclone', 'mount', `:local:${source}`, target, '--daemon', '--vfs-cache-mode', cache].concat(
        ...['--cache-dir', join(root, 'cache'), '--config', join(root, 'none'), '--dir-cache-time', '1s'],
      ),
    limit === undefined ? {} : { limit },
  )

/** The system's, which has the system's packages. */
const PYTHON = '/usr/bin/python3'

/** A passthrough that is slow, or whose fsync fails: see passthrough.py. */
const passthrough = (name: string, delayMs: number, fails: string, limit?: string) =>
  throughFuse(
    name,
    [PYTHON],
    1,
    (source, target) => [PYTHON, join(import.meta.dirname, 'passthrough.py'), source, target, String(delayMs), fails],
    limit === undefined ? {} : { limit },
  )

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** An SSH server of our own on the loopback. Returns the options of its clients. */
async function startSshd(root: string, mounted: Mounted): Promise<string[]> {
  const file = (name: string) => join(root, name)
  for (const key of ['host', 'client']) mounted.run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file(key))
  if (!existsSync('/run/sshd')) {
    mkdirSync('/run/sshd')
    mounted.later(() => mounted.run('rmdir', '/run/sshd'))
  }
  const port = await freePort()
  const config = [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${file('host')}`, `AuthorizedKeysFile ${file('client.pub')}`],
    ...['PidFile none', 'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'Subsystem sftp internal-sftp'],
  ]
  writeFileSync(file('sshd_config'), `${config.join('\n')}\n`)
  chmodSync(file('client.pub'), 0o600)
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file('sshd_config')], { stdio: 'ignore' })
  mounted.later(() => server.kill())
  await until(() => {
    try {
      mounted.run('ssh-keyscan', '-p', String(port), '-T', '1', '127.0.0.1')
      return true
    } catch {
      return false
    }
  })
  return [`port=${port}`, `IdentityFile=${file('client')}`, 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null']
}

const sshfs = (mounts: 1 | 2, ...more: string[]): FileSystem => ({
  name: `sshfs${more.length === 0 ? '' : ` ${more}`}${mounts === 2 ? ', two mounts' : ''}`,
  needs: ['sshfs', '/usr/sbin/sshd', 'ssh-keygen', '/dev/fuse'],
  async mount(root, mounted) {
    const source = join(root, 'source')
    mkdirSync(source)
    const options = [...(await startSshd(root, mounted)), ...more].join()
    const targets = ['m1', 'm2'].slice(0, mounts).map((target) => join(root, target))
    for (const target of targets) mounted.mount(target, 'sshfs', `root@127.0.0.1:${source}`, target, '-o', options)
    return targets
  },
})

export const FILE_SYSTEMS: FileSystem[] = [
  onLoopDevice('ext4', '', '-q', '-F'),
  onLoopDevice('xfs', '', '-q'),
  onLoopDevice('btrfs', '', '-q'),
  onLoopDevice('f2fs', '', '-q'),
  onLoopDevice('vfat', ',umask=077'),
  tmpfs,
  overlay,
  fuseOverlay,
  bindfs(1),
  { ...bindfs(2), limit: CACHE_LIMIT },
  bindfs(2, '-o', 'attr_timeout=0,entry_timeout=0'),
  sshfs(1),
  { ...sshfs(2), limit: CACHE_LIMIT },
  sshfs(2, 'dir_cache=no', 'attr_timeout=0', 'entry_timeout=0'),
  rclone('full'),
  rclone('off', RCLONE_LIMIT),
  passthrough('slow FUSE (20 ms a call)', 20, ''),
  passthrough('FUSE whose fsync fails', 0, 'fsync', 'a clear error and no fetch'),
]

/** File systems that need another kernel than most machines have. */
export const NOT_MOUNTED_HERE = ['NFS', 'SMB']
