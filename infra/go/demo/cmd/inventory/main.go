// Command inventory runs the shop's inventory service.
package main

import (
	"example.com/shop/internal/service"
	"example.com/shop/inventory"
)

func main() { service.Main("inventory", inventory.Open) }
