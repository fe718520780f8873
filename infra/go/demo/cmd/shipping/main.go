// Command shipping runs the shop's shipping service.
package main

import (
	"example.com/shop/internal/service"
	"example.com/shop/shipping"
)

func main() { service.Main("shipping", shipping.Open) }
