// SPDX-License-Identifier: GPL-2.0
/*
 * Disks on Lodge: the disk that the kernel sees, /dev/lvda and so on, made of
 * what the back-end says of it.
 *
 * It is made at the first offer and keeps block size and cache from then on: an
 * offer of another kind of disk is refused. What is known of it is freed with
 * the gendisk, which may be in use for longer than the device is there.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "block.h"

static const struct lodge_block_config *config_of(const struct lodge_disk *disk)
{
	return (const void *)disk->device->offer.config;
}

static int check_config(const struct lodge_block_config *c)
{
	if (!is_power_of_2(c->logical_block) || c->logical_block < 512 ||
	    c->logical_block > PAGE_SIZE || !is_power_of_2(c->physical_block) ||
	    c->physical_block < c->logical_block || c->physical_block > SZ_1M ||
	    c->max_length < PAGE_SIZE || c->max_length % c->logical_block ||
	    c->sectors > 1ULL << 54)
		return -EINVAL;
	return 0;
}

/* --- limits --- */

/* Bytes of one request, in whole blocks and 32 bits. */
static unsigned int blank_sectors(const struct lodge_block_config *c, u64 bytes)
{
	return round_down(min_t(u64, bytes, SZ_1G), c->logical_block) >> 9;
}

static struct queue_limits limits_of(const struct lodge_disk *disk)
{
	const struct lodge_block_config *c = config_of(disk);
	u64 features = disk->device->offer.features;
	struct queue_limits lim = {
		.logical_block_size = c->logical_block,
		.physical_block_size = c->physical_block,
		.io_min = round_down(c->io_min, c->physical_block),
		.io_opt = round_down(c->io_opt, c->physical_block),
		.max_hw_sectors = min_t(u32, c->max_length, SZ_1M) >> 9,
		.max_segments = LODGE_BLOCK_SEGMENTS_MAX,
		.max_segment_size = PAGE_SIZE,
		.seg_boundary_mask = PAGE_SIZE - 1,
		.dma_alignment = c->logical_block - 1,
	};

	if (features & LODGE_BLOCK_FLUSH)
		lim.features |= BLK_FEAT_WRITE_CACHE;
	if (features & LODGE_BLOCK_FUA)
		lim.features |= BLK_FEAT_FUA;
	if (c->flags & LODGE_BLOCK_ROTATIONAL)
		lim.features |= BLK_FEAT_ROTATIONAL;
	if (features & LODGE_BLOCK_DISCARD) {
		lim.max_hw_discard_sectors = blank_sectors(c, c->max_discard);
		lim.discard_granularity =
			max(c->discard_granularity, c->logical_block);
		lim.discard_alignment = c->discard_alignment;
	}
	if (features & LODGE_BLOCK_WRITE_ZEROES)
		lim.max_write_zeroes_sectors = blank_sectors(c, c->max_zeroes);
	return lim;
}

/*
 * What the kernel has been told cannot be changed while requests wait. A cache
 * may vanish: then flushes have nothing to do.
 */
int lodge_disk_check(struct lodge_disk *disk)
{
	const struct lodge_block_config *c = config_of(disk);
	struct request_queue *q = disk->gendisk->queue;
	u64 now = disk->device->offer.features;
	u64 cache = LODGE_BLOCK_FLUSH | LODGE_BLOCK_FUA;
	int err = check_config(c);

	if (err)
		return err;
	if (queue_logical_block_size(q) != c->logical_block ||
	    queue_max_hw_sectors(q) > c->max_length >> 9) {
		dev_err(&disk->device->dev, "it has other blocks now\n");
		return -EINVAL;
	}
	if (now & cache && (now ^ disk->known) & cache) {
		dev_err(&disk->device->dev, "it has another cache now\n");
		return -EINVAL;
	}
	return 0;
}

void lodge_disk_show(struct lodge_disk *disk)
{
	const struct lodge_block_config *c = config_of(disk);

	if (check_config(c))
		return;
	strscpy(disk->serial, c->serial, sizeof(disk->serial));
	set_disk_ro(disk->gendisk, c->flags & LODGE_BLOCK_READ_ONLY);
	set_capacity_and_notify(disk->gendisk,
				round_down(c->sectors, c->logical_block >> 9));
}

/* --- who has it open --- */

static int lvd_open(struct gendisk *gendisk, blk_mode_t mode)
{
	struct lodge_disk *disk = gendisk->private_data;
	bool closed;

	spin_lock_irq(&disk->lock);
	closed = disk->closed;
	disk->users += !closed;
	spin_unlock_irq(&disk->lock);
	return closed ? -ENXIO : 0;
}

static void lvd_release(struct gendisk *gendisk)
{
	struct lodge_disk *disk = gendisk->private_data;
	bool last;

	spin_lock_irq(&disk->lock);
	last = !--disk->users && disk->closing;
	spin_unlock_irq(&disk->lock);
	if (last)
		lodge_device_check(disk->device);
}

static void lvd_free(struct gendisk *gendisk)
{
	lodge_disk_free(gendisk->private_data);
}

static const struct block_device_operations lvd_fops = {
	.owner = THIS_MODULE,
	.open = lvd_open,
	.release = lvd_release,
	.free_disk = lvd_free,
};

/* --- making and showing it --- */

static ssize_t serial_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct lodge_disk *disk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%.*s\n", (int)sizeof(disk->serial),
			  disk->serial);
}
static DEVICE_ATTR_RO(serial);

static struct attribute *lvd_attrs[] = { &dev_attr_serial.attr, NULL };
ATTRIBUTE_GROUPS(lvd);

/* 0: lvda, 25: lvdz, 26: lvdaa; four letters are enough for all. */
static void name_disk(char *name, size_t size, unsigned int index)
{
	char letters[5], *at = &letters[4];
	int n = index;

	*at = '\0';
	do {
		*--at = 'a' + n % 26;
		n = n / 26 - 1;
	} while (n >= 0 && at > letters);
	snprintf(name, size, "lvd%s", at);
}

int lodge_disk_make(struct lodge_disk *disk, unsigned int queues)
{
	struct queue_limits lim;
	struct gendisk *gendisk;
	int err = check_config(config_of(disk));

	if (err)
		return err;
	lim = limits_of(disk);
	disk->known = disk->device->offer.features;
	disk->tags.ops = &lodge_block_ops;
	disk->tags.nr_hw_queues = queues;
	disk->tags.queue_depth = BLOCK_DEPTH;
	disk->tags.numa_node = NUMA_NO_NODE;
	disk->tags.flags = BLK_MQ_F_SHOULD_MERGE;
	disk->tags.cmd_size = sizeof(struct block_op);
	disk->tags.driver_data = disk;
	err = blk_mq_alloc_tag_set(&disk->tags);
	if (err)
		return err;
	gendisk = blk_mq_alloc_disk(&disk->tags, &lim, disk);
	if (IS_ERR(gendisk)) {
		blk_mq_free_tag_set(&disk->tags);
		return PTR_ERR(gendisk);
	}
	name_disk(gendisk->disk_name, sizeof(gendisk->disk_name),
		  disk->device->index);
	gendisk->fops = &lvd_fops;
	gendisk->private_data = disk;
	disk->gendisk = gendisk;
	blk_mq_quiesce_queue(gendisk->queue);
	disk->quiesced = true;
	return 0;
}

/* It reads the disk, and so may have to wait for a back-end. */
static void add_disk_work(struct work_struct *work)
{
	struct lodge_disk *disk = container_of(work, struct lodge_disk, add);
	int err;

	err = device_add_disk(&disk->device->dev, disk->gendisk, lvd_groups);
	if (err)
		dev_err(&disk->device->dev, "adding the disk: %d\n", err);
	disk->added = !err;
	/* Whoever sees that it is over sees what came of it. */
	smp_store_release(&disk->add_over, true);
	lodge_device_check(disk->device);
}

struct lodge_disk *lodge_disk_new(struct lodge_device *d)
{
	struct lodge_disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);

	if (!disk)
		return NULL;
	disk->queues = kvcalloc(LODGE_DEVICE_QUEUES, sizeof(*disk->queues),
				GFP_KERNEL);
	if (!disk->queues) {
		kfree(disk);
		return NULL;
	}
	disk->device = d;
	get_device(&d->dev);
	spin_lock_init(&disk->lock);
	INIT_LIST_HEAD(&disk->held);
	INIT_WORK(&disk->add, add_disk_work);
	return disk;
}

void lodge_disk_free(struct lodge_disk *disk)
{
	unsigned int i;

	for (i = 0; i < LODGE_DEVICE_QUEUES; i++)
		lodge_block_free_pool(&disk->queues[i]);
	kvfree(disk->queues);
	put_device(&disk->device->dev);
	kfree(disk);
}
