{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/device.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sysfs.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

/**
 * struct sensor - one sensor
 * @raw: its register; real hardware would be read instead
 */
struct sensor {
	u16 raw;
};

static ssize_t temperature_show(struct device *dev,
				struct device_attribute *attr, char *buffer)
{
	struct sensor *sensor = dev_get_drvdata(dev);

	return sysfs_emit(buffer, "%d\n", millicelsius(sensor->raw));
}

static DEVICE_ATTR_RO(temperature);

static struct attribute *lkm_attrs[] = {
	&dev_attr_temperature.attr,
	NULL,
};
ATTRIBUTE_GROUPS(lkm);

/* All that it takes is given back by the core when the device goes (devm). */
static int lkm_probe(struct platform_device *pdev)
{
	struct sensor *sensor;

	sensor = devm_kzalloc(&pdev->dev, sizeof(*sensor), GFP_KERNEL);
	if (!sensor)
		return -ENOMEM;
	sensor->raw = 0x1910;
	platform_set_drvdata(pdev, sensor);
	dev_info(&pdev->dev, "bound\n");
	return 0;
}

static const struct platform_device_id lkm_ids[] = {
	{ .name = KBUILD_MODNAME },
	{},
};
MODULE_DEVICE_TABLE(platform, lkm_ids);

static struct platform_driver lkm_driver = {
	.probe = lkm_probe,
	.id_table = lkm_ids,
	.driver = {
		.name = KBUILD_MODNAME,
		.dev_groups = lkm_groups,
	},
};

/* There is no such hardware, so the module brings the device as well. */
static struct platform_device *lkm_device;

static int __init {{ m }}_init(void)
{
	int error = platform_driver_register(&lkm_driver);

	if (error)
		return error;
	lkm_device =
		platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	if (IS_ERR(lkm_device)) {
		platform_driver_unregister(&lkm_driver);
		return PTR_ERR(lkm_device);
	}
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	platform_device_unregister(lkm_device);
	platform_driver_unregister(&lkm_driver);
}
