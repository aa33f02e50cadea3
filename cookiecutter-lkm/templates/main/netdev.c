{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/atomic.h>
#include <linux/etherdevice.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

/* Name of the interface: at most 15 bytes, the number included. */
#define LKM_INTERFACE "{{ m[:12] }}%d"

static unsigned int drop_every;
module_param(drop_every, uint, 0644);
MODULE_PARM_DESC(drop_every, "count every so many packets one as dropped");

/**
 * struct counters - what went through the interface
 * @number: number of the last packet; wraps around
 * @packets: packets sent
 * @bytes: bytes in them
 * @dropped: packets that got lost
 */
struct counters {
	atomic_t number;
	atomic64_t packets;
	atomic64_t bytes;
	atomic64_t dropped;
};

static struct net_device *lkm_dev;

/* There is no wire: what is sent is counted and thrown away. */
static netdev_tx_t lkm_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct counters *counters = netdev_priv(dev);
	u32 number = atomic_inc_return(&counters->number);

	if (shall_drop(number, READ_ONCE(drop_every))) {
		atomic64_inc(&counters->dropped);
	} else {
		atomic64_inc(&counters->packets);
		atomic64_add(skb->len, &counters->bytes);
	}
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static void lkm_stats(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct counters *counters = netdev_priv(dev);

	stats->tx_packets = atomic64_read(&counters->packets);
	stats->tx_dropped = atomic64_read(&counters->dropped);
	stats->tx_bytes = atomic64_read(&counters->bytes);
}

static const struct net_device_ops lkm_ops = {
	.ndo_start_xmit = lkm_xmit,
	.ndo_get_stats64 = lkm_stats,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void lkm_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &lkm_ops;
	dev->flags |= IFF_NOARP;
	dev->flags &= ~IFF_MULTICAST;
	eth_hw_addr_random(dev);
}

static int __init {{ m }}_init(void)
{
	int error;

	lkm_dev = alloc_netdev(sizeof(struct counters), LKM_INTERFACE,
			       NET_NAME_ENUM, lkm_setup);
	if (!lkm_dev)
		return -ENOMEM;
	error = register_netdev(lkm_dev);
	if (error) {
		free_netdev(lkm_dev);
		return error;
	}
	netdev_info(lkm_dev, "interface is there\n");
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	unregister_netdev(lkm_dev);
	free_netdev(lkm_dev);
}
