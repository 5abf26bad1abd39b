// SPDX-License-Identifier: GPL-2.0
/*
 * Disks on Lodge: how a disk comes together with its back-end. block_disk.c has
 * the disk that the kernel sees, block_queue.c the requests, block_pages.c the
 * pages that are lent for them.
 *
 * The disk is made at the first offer and lives as long as the device. While
 * there is no back-end its queue is quiesced: requests wait. Those that were
 * under way are issued again in the next generation; none fails. Only when
 * the device is gone everything fails, at once.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/module.h>

#include <asm/lodge.h>

#include "block.h"

static unsigned int queues;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "Queues of a disk, at most (number of CPUs)");

static int block_probe(struct lodge_device *d)
{
	struct lodge_disk *disk = lodge_disk_new(d);

	if (!disk)
		return -ENOMEM;
	dev_set_drvdata(&d->dev, disk);
	return 0;
}

/* --- connecting --- */

static void end_queues(struct lodge_disk *disk)
{
	while (disk->made)
		lodge_block_end_queue(&disk->queues[--disk->made]);
}

static int make_queues(struct lodge_disk *disk, unsigned int count)
{
	int err;

	while (disk->made < count) {
		err = lodge_block_make_queue(disk, disk->made);
		if (err) {
			end_queues(disk);
			return err;
		}
		disk->made++;
	}
	return 0;
}

static int block_connect(struct lodge_device *d)
{
	struct lodge_disk *disk = dev_get_drvdata(&d->dev);
	struct lodge_device_front *front = &d->page->front;
	unsigned int count =
		min_t(unsigned int, d->offer.max_queues, num_possible_cpus());
	int err;

	if (d->offer.max_order < BLOCK_ORDER)
		return -EINVAL;
	if (queues)
		count = min(count, queues);
	err = disk->gendisk ? lodge_disk_check(disk) :
			      lodge_disk_make(disk, count);
	if (!err)
		err = make_queues(disk, count);
	if (err)
		return err;
	disk->features = d->offer.features & LODGE_BLOCK_FEATURES;
	front->features = disk->features;
	front->queues = count;
	front->order = BLOCK_ORDER;
	return 0;
}

static void go_on(struct lodge_disk *disk)
{
	struct request_queue *q = disk->gendisk->queue;

	if (disk->quiesced)
		blk_mq_unquiesce_queue(q);
	disk->quiesced = false;
	blk_mq_start_stopped_hw_queues(q, true);
	blk_mq_kick_requeue_list(q);
}

static void block_running(struct lodge_device *d)
{
	struct lodge_disk *disk = dev_get_drvdata(&d->dev);

	lodge_disk_show(disk);
	WRITE_ONCE(disk->queue_count, disk->made);
	go_on(disk);
	if (!disk->add_begun)
		schedule_work(&disk->add);
	disk->add_begun = true;
}

static void block_lost(struct lodge_device *d)
{
	struct lodge_disk *disk = dev_get_drvdata(&d->dev);

	if (!disk->gendisk)
		return;
	if (!disk->quiesced)
		blk_mq_quiesce_queue(disk->gendisk->queue);
	disk->quiesced = true;
	WRITE_ONCE(disk->queue_count, 0);
	end_queues(disk);
	lodge_block_take_back(disk);
}

static void block_changed(struct lodge_device *d)
{
	lodge_disk_show(dev_get_drvdata(&d->dev));
}

/* --- the end --- */

/* A file system on it, for example, is finished with first. */
static bool block_closing(struct lodge_device *d)
{
	struct lodge_disk *disk = dev_get_drvdata(&d->dev);
	bool closed;

	/* It has us look again when it is over. Pairs with its release. */
	if (disk->add_begun && !smp_load_acquire(&disk->add_over))
		return false;
	spin_lock_irq(&disk->lock);
	closed = !disk->users;
	disk->closing = true;
	disk->closed = closed;
	spin_unlock_irq(&disk->lock);
	return closed;
}

static void block_remove(struct lodge_device *d)
{
	struct lodge_disk *disk = dev_get_drvdata(&d->dev);
	struct gendisk *gendisk = disk->gendisk;

	if (!gendisk) {
		lodge_disk_free(disk);
		return;
	}
	/* From here on everything fails, and nothing waits. */
	WRITE_ONCE(disk->dead, true);
	go_on(disk);
	flush_work(&disk->add);
	if (disk->added) {
		blk_mark_disk_dead(gendisk);
		del_gendisk(gendisk);
		blk_mq_free_tag_set(&disk->tags);
		put_disk(gendisk);
	} else {
		put_disk(gendisk);
		blk_mq_free_tag_set(&disk->tags);
		lodge_disk_free(disk);
	}
}

static struct lodge_driver block_driver = {
	.driver = {
		.name = "lodge_block",
		.owner = THIS_MODULE,
	},
	.type = LODGE_DEVICE_BLOCK,
	.probe = block_probe,
	.remove = block_remove,
	.connect = block_connect,
	.running = block_running,
	.lost = block_lost,
	.changed = block_changed,
	.closing = block_closing,
};

static int __init block_init(void)
{
	return lodge_guest() ? lodge_register_driver(&block_driver) : -ENODEV;
}
module_init(block_init);

static void __exit block_exit(void)
{
	lodge_unregister_driver(&block_driver);
}
module_exit(block_exit);

MODULE_DESCRIPTION("Disks on Lodge");
MODULE_LICENSE("GPL");
MODULE_ALIAS(LODGE_MODALIAS "block");
