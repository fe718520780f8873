// Command checkout runs the shop's checkout service.
package main

import (
	"example.com/shop/checkout"
	"example.com/shop/internal/service"
)

func main() { service.Main("checkout", checkout.Open) }
