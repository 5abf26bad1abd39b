// SPDX-License-Identifier: GPL-2.0
/*
 * Disks for other domains: any block device of the control domain. Here: the
 * device, and what is offered of it; block_queue.c takes the requests,
 * block_io.c carries them out.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "block.h"

#define QUEUES 4
#define MAX_LENGTH SZ_1M
#define MAX_BLANK SZ_1G

/* --- the block device --- */

/*
 * The block device has gone, or its driver says so. Requests fail from now on,
 * which the guest sees as errors of its disk.
 */
static void mark_dead(struct block_device *bdev, bool surprise)
	__releases(&bdev->bd_holder_lock)
{
	pr_err("lodge_block: %pg is gone%s\n", bdev,
	       surprise ? ", by surprise" : "");
	mutex_unlock(&bdev->bd_holder_lock);
}

static const struct blk_holder_ops holder_ops = { .mark_dead = mark_dead };

/*
 * Whoever writes wants nobody else to: no file system, no other guest. Those
 * that only read claim it together.
 */
static int open_disk(struct block_disk *disk)
{
	struct lodge_backend *b = disk->backend;
	bool read_only = b->spec.flags & LODGE_DEV_READ_ONLY;
	blk_mode_t mode = BLK_OPEN_READ | (read_only ? 0 : BLK_OPEN_WRITE);
	struct block_device *bdev = file_bdev(b->file);
	int err;

	if (!read_only && bdev_read_only(bdev)) {
		strscpy(b->spec.reason, "the block device is read-only",
			sizeof(b->spec.reason));
		return -EROFS;
	}
	disk->bdev_file = bdev_file_open_by_dev(
		bdev->bd_dev, mode,
		read_only ? (void *)&holder_ops : (void *)disk, &holder_ops);
	if (IS_ERR(disk->bdev_file)) {
		err = PTR_ERR(disk->bdev_file);
		strscpy(b->spec.reason,
			err == -EBUSY ? "the block device is in use" :
					"the block device cannot be opened",
			sizeof(b->spec.reason));
		return err;
	}
	disk->bdev = file_bdev(disk->bdev_file);
	/* Guests pass by what the kernel here has in its memory. */
	err = sync_blockdev(disk->bdev);
	invalidate_bdev(disk->bdev);
	if (err) {
		strscpy(b->spec.reason, "the block device cannot be written",
			sizeof(b->spec.reason));
		bdev_fput(disk->bdev_file);
	}
	return err;
}

static void describe(struct block_disk *disk)
{
	struct block_device *bdev = disk->bdev;
	struct lodge_block_config *c = &disk->config;
	u64 blank = round_down(MAX_BLANK, bdev_logical_block_size(bdev));

	*c = (struct lodge_block_config){
		.sectors = bdev_nr_sectors(bdev),
		.logical_block = bdev_logical_block_size(bdev),
		.physical_block = bdev_physical_block_size(bdev),
		.io_min = bdev_io_min(bdev),
		.io_opt = bdev_io_opt(bdev),
		.max_length = MAX_LENGTH,
		.max_discard = blank,
		.max_zeroes = blank,
		.discard_granularity = bdev_discard_granularity(bdev),
		.discard_alignment = bdev_discard_alignment(bdev),
	};
	if (disk->backend->spec.flags & LODGE_DEV_READ_ONLY)
		c->flags |= LODGE_BLOCK_READ_ONLY;
	if (!bdev_nonrot(bdev))
		c->flags |= LODGE_BLOCK_ROTATIONAL;
	strscpy(c->serial, disk->backend->spec.serial, sizeof(c->serial));

	disk->features = LODGE_BLOCK_KEEP;
	/* FUA without support of the device is done by a flush. */
	if (bdev_write_cache(bdev))
		disk->features |= LODGE_BLOCK_FLUSH | LODGE_BLOCK_FUA;
	if (bdev_max_discard_sectors(bdev))
		disk->features |= LODGE_BLOCK_DISCARD;
	if (bdev_write_zeroes_sectors(bdev))
		disk->features |= LODGE_BLOCK_WRITE_ZEROES;
}

static void set_limits(struct block_disk *disk)
{
	const struct lodge_dev_limit *l = &disk->backend->spec.limit;
	u64 now = ktime_get_ns();
	unsigned int i;

	spin_lock(&disk->limit_lock);
	lodge_limit_set(&disk->bytes, l->bytes, l->bytes_burst, now);
	lodge_limit_set(&disk->operations, l->operations, l->operations_burst,
			now);
	spin_unlock(&disk->limit_lock);
	for (i = 0; i < disk->queue_count; i++)
		lodge_block_queue_kick(&disk->queues[i]);
}

/* --- what the bus asks for --- */

static int block_open(struct lodge_backend *b)
{
	struct block_disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);
	int err = -ENOMEM;

	if (!disk)
		return -ENOMEM;
	disk->backend = b;
	spin_lock_init(&disk->limit_lock);
	disk->queues = kvcalloc(LODGE_DEVICE_QUEUES, sizeof(*disk->queues),
				GFP_KERNEL);
	disk->maps = mempool_create_kmalloc_pool(
		2, LODGE_BLOCK_SEGMENTS_MAX * sizeof(struct lodge_map));
	if (disk->queues && disk->maps)
		err = open_disk(disk);
	if (err) {
		mempool_destroy(disk->maps);
		kvfree(disk->queues);
		kfree(disk);
		return err;
	}
	describe(disk);
	set_limits(disk);
	b->data = disk;
	b->offer.features = disk->features;
	b->offer.max_queues = b->spec.queues ?: QUEUES;
	b->offer.max_order = BLOCK_ORDER;
	lodge_backend_config(b, &disk->config, sizeof(disk->config));
	return 0;
}

static void block_close(struct lodge_backend *b)
{
	struct block_disk *disk = b->data;

	invalidate_bdev(disk->bdev);
	bdev_fput(disk->bdev_file);
	mempool_destroy(disk->maps);
	kvfree(disk->queues);
	kfree(disk);
	b->data = NULL;
}

static void block_stop(struct lodge_backend *b)
{
	struct block_disk *disk = b->data;

	while (disk->queue_count)
		lodge_block_queue_stop(&disk->queues[--disk->queue_count]);
}

static int block_start(struct lodge_backend *b,
		       const struct lodge_device_front *answer)
{
	struct block_disk *disk = b->data;
	int err;

	disk->chosen = answer->features;
	while (disk->queue_count < answer->queues) {
		err = lodge_block_queue_start(disk, disk->queue_count, answer);
		if (err) {
			strscpy(b->spec.reason, "a queue cannot be mapped",
				sizeof(b->spec.reason));
			block_stop(b);
			return err;
		}
		disk->queue_count++;
	}
	return 0;
}

static void block_limit(struct lodge_backend *b)
{
	set_limits(b->data);
}

static int block_rescan(struct lodge_backend *b)
{
	struct block_disk *disk = b->data;
	u64 sectors = bdev_nr_sectors(disk->bdev);

	if (sectors == disk->config.sectors)
		return 0;
	WRITE_ONCE(disk->config.sectors, sectors);
	lodge_backend_config(b, &disk->config, sizeof(disk->config));
	return 0;
}

static void block_stat(struct lodge_backend *b, u64 *stat)
{
	struct block_disk *disk = b->data;
	unsigned int i;

	for (i = 0; i < LODGE_DEV_STATS; i++)
		stat[i] = atomic64_read(&disk->stat[i]);
}

static const struct lodge_backend_driver block_driver = {
	.owner = THIS_MODULE,
	.name = "block",
	.type = LODGE_DEVICE_BLOCK,
	.open = block_open,
	.close = block_close,
	.start = block_start,
	.stop = block_stop,
	.limit = block_limit,
	.rescan = block_rescan,
	.stat = block_stat,
};

static int __init block_init(void)
{
	return lodge_backend_register(&block_driver);
}
module_init(block_init);

static void __exit block_exit(void)
{
	lodge_backend_unregister(&block_driver);
}
module_exit(block_exit);

MODULE_DESCRIPTION("Disks for other domains of Lodge");
MODULE_LICENSE("GPL");
