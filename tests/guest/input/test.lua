-- Strings, tables, closures, coroutines, errors, garbage collection, files.
local function sieve(n)
	local composite, primes = {}, {}
	for i = 2, n do
		if not composite[i] then
			primes[#primes + 1] = i
			for j = i * i, n, i do composite[j] = true end
		end
	end
	return primes
end
local primes = sieve(200000)
print(#primes, primes[#primes])

local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do
	words[#words + 1] = word:upper():reverse()
end
table.sort(words)
print(table.concat(words, " "))

local generator = coroutine.wrap(function()
	local a, b = 0, 1
	while true do
		coroutine.yield(a)
		a, b = b, a + b
	end
end)
local last
for _ = 1, 80 do last = generator() end
print(last)

print(select(2, pcall(function() error({ code = 7 }) end)).code)
print(select(2, pcall(error, "message", 0)))
print(string.format("%.10f %g %q %5d|%-5d|", math.pi, 1e100, "a\nb\0c", 42, 42))
print(math.tointeger(2 ^ 53), 7 // 2, -7 // 2, 7 % -3, 1 << 62, 0x7fffffffffffffff + 1)

local junk = 0
for i = 1, 200000 do
	local t = { i, tostring(i), { i } }
	junk = junk + #t[2]
end
collectgarbage()
print(junk, collectgarbage("count") < 60000)

local name = "lua.tmp"
local file = assert(io.open(name, "w"))
for i = 1, 10000 do file:write(i, " line\n") end
file:close()
local count, sum = 0, 0
for line in io.lines(name) do
	count = count + 1
	sum = sum + tonumber(line:match("%d+"))
end
print(count, sum)
file = assert(io.open(name, "r+"))
print(file:seek("end"), file:seek("set", 5), file:read(4))
file:close()
print(os.rename(name, name .. "2"), os.remove(name .. "2"), io.open(name))
print(os.time({ year = 2000, month = 1, day = 1, hour = 12 }) > 0, type(os.clock()), os.getenv("T_LUA"))
print(#arg, arg[1], arg[2])
