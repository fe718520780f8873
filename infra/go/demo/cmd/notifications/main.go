// Command notifications runs the shop's notifications service.
package main

import (
	"example.com/shop/internal/service"
	"example.com/shop/notifications"
)

func main() { service.Main("notifications", notifications.Open) }
