# A passthrough file system: SOURCE TARGET DELAY_MS FAILING_OPERATIONS. Needs python3-fusepy.
import errno
import os
import sys
import time

try:
    from fusepy import FUSE, FuseOSError, Operations
except ImportError:
    from fuse import FUSE, FuseOSError, Operations

source, target, delay, failing = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000, sys.argv[4].split(',')


class Passthrough(Operations):
    def __call__(self, operation, *args):
        time.sleep(delay)
        if operation in failing:
            raise FuseOSError(errno.EIO)
        try:
            return super().__call__(operation, *args)
        except OSError as error:
            raise FuseOSError(error.errno)

    def at(self, path):
        return source + path

    def getattr(self, path, fh=None):
        found = os.lstat(self.at(path))
        names = ('st_atime', 'st_ctime', 'st_gid', 'st_mode', 'st_mtime', 'st_nlink', 'st_size', 'st_uid', 'st_ino')
        return {name: getattr(found, name) for name in names}

    def readdir(self, path, fh):
        return ['.', '..'] + os.listdir(self.at(path))

    def mkdir(self, path, mode):
        os.mkdir(self.at(path), mode)

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def unlink(self, path):
        os.unlink(self.at(path))

    def rename(self, old, new):
        os.rename(self.at(old), self.at(new))

    def chmod(self, path, mode):
        os.chmod(self.at(path), mode)

    def chown(self, path, uid, gid):
        os.chown(self.at(path), uid, gid)

    def utimens(self, path, times=None):
        os.utime(self.at(path), times)

    def create(self, path, mode, fi=None):
        return os.open(self.at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path, flags):
        return os.open(self.at(path), flags)

    def read(self, path, length, offset, fh):
        return os.pread(fh, length, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self.at(path), length)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def release(self, path, fh):
        os.close(fh)


FUSE(Passthrough(), target, use_ino=True, attr_timeout=0, entry_timeout=0)
