/* tests/crash/disk.h - a disk in memory that can lose power, run full and fail, as a SQLite VFS.
 *
 * The fault model
 *   1. A file is a row of 512-byte sectors and a size. Writes and truncations go to the cache, where every reader sees
 * them at once. A completed sync of the file makes its present contents and size durable.
 *   2. At a power cut, every sector that was written since the file's last completed sync is, each for itself and by
 * seed: as it was at the sync, as it is now, as it was after some write in between, or garbled as a whole: random
 * bytes, also where the same sector holds bytes that had been synced. The size is that after some write or truncation
 * since the sync; sectors inside it that never were on disk read as zeros.
 *   3. A folder entry (a file made, a file deleted) becomes durable with a sync of the folder: a deletion that asks for
 * it, or the first sync of a journal or WAL that a handle has opened to create (SQLite's unix VFS syncs the folder
 * there), or a sync of the folder alone. At a cut, a name whose entry changed since then is by seed as it was or as it
 * is; the two names of a file renamed each for itself.
 *   4. A sync that fails has written, by seed, some sectors; the others are lost to all later syncs unless written
 * again, while the cache goes on showing them. (What Linux does.)
 *   5. A write that fails has written nothing, or its first half, or everything, as the fault says.
 *   6. A full disk refuses writes that lengthen a file, after writing what fits; overwriting goes on. It may get room
 * again.
 *   7. Shared memory is lost at a cut. Locks and shared memory work between all handles of one disk.
 *   Not in the model: decay of what was synced, lost or misdirected writes under a sync that reported success (the
 * switch lies_about_sync is for showing that a test notices them), reordering of two syncs.
 *
 * Names: a file is known by the last part of its path, so an image of a disk can be opened in another folder.
 * Threads: one lock around everything; any thread.   Fails: harness errors abort. */
#ifndef CRASH_DISK_H
#define CRASH_DISK_H
#include <stdint.h>

typedef struct disk disk;

/* What a disk is asked to do; a "point" is one such request, counted from 0, and a fault or a cut falls on a point. */
typedef enum disk_op { DISK_CREATE, DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_DELETE, DISK_RENAME, DISK_OPS } disk_op;
extern const char *const disk_op_names[DISK_OPS];

typedef enum disk_fault {
    DISK_OK,
    DISK_FAIL,      /* the request fails, nothing is done */
    DISK_FAIL_HALF, /* a write does its first half and fails */
    DISK_FAIL_DONE, /* a write is done and reported as failed */
    DISK_FAIL_FULL, /* from here on the disk is full, until disk_give_room */
    DISK_FAULTS
} disk_fault;

disk *disk_new(uint64_t seed);
void disk_free(disk *d);             /* all handles must be closed */
const char *disk_vfs(const disk *d); /* name of its registered VFS */

/* The disk as it may be found when the power comes back after a cut now. The seed decides; the disk itself is
 * untouched. */
disk *disk_cut(disk *d, uint64_t seed);
/* An exact copy with all that is not yet synced, or lost to syncs: what a killed process leaves while the machine stays
 * up. */
disk *disk_kill(disk *d);

/* Called before each point is carried out; NULL: none. The function may cut the disk, but not use its VFS. */
typedef void (*disk_watch)(void *user, disk *d, uint64_t point, disk_op op);
void disk_set_watch(disk *d, disk_watch fn, void *user);
/* One fault at that point (counted from disk_new). DISK_FAIL_FULL stays. */
void disk_set_fault(disk *d, uint64_t point, disk_fault fault);
int disk_fault_met(const disk *d); /* has the fault been handed out? */
void disk_give_room(disk *d);
void disk_lies_about_sync(disk *d, int on);

uint64_t disk_points(const disk *d);
uint64_t disk_count(const disk *d, disk_op op);
/* Is there a file of this name (entry as programs see it)? */
int disk_has(const disk *d, const char *name);
#endif
