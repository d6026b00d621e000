# SPDX-License-Identifier: BSD-3-Clause
# The cases of run.sh, which sources this: programs that end by themselves, then servers with real clients.

if root lua lua5.4 coreutils; then
	expect lua 0 '120 Lua 5.4' 30 64 -- /usr/bin/lua5.4 -e 'local r = 1 for i = 2, 5 do r = r * i end io.write(r, " ", _VERSION, "\n")'
	printf '#!/usr/bin/env lua5.4\nprint(#arg, arg[0], arg[1])\n' >"$work/script.lua"
	chmod +x "$work/script.lua"
	expect lua-script 0 "1	/script.lua	a b" 30 64 --add "$work/script.lua:/script.lua" -- /script.lua 'a b'
fi

if root perl perl; then
	expect perl 0 'a:2 b:1 c:1' 30 128 -- /usr/bin/perl -e '$n{$_}++ for split //, "abca"; print join(" ", map "$_:$n{$_}", sort keys %n), "\n"'
	expect perl-modules 0 '900150983cd24fb0d6963f7d28e17f72 {"a":[1,2]}' 30 128 -- \
		/usr/bin/perl -MDigest::MD5=md5_hex -MJSON::PP -e 'print md5_hex("abc"), " ", encode_json({ a => [1, 2] }), "\n"'
	expect perl-die 3 '' 30 128 -- /usr/bin/perl -e 'exit 3'
fi

if root sqlite sqlite3; then
	expect sqlite 0 3 30 64 -- /usr/bin/sqlite3 :memory: 'select 1 + 2'
	cat >"$work/rows.sql" <<-'END'
		create table t (id integer primary key, name text, value real);
		begin;
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
			insert into t select i, 'row ' || i, i * 0.5 from n;
		commit;
		create index names on t (name);
		select count(*), sum(value) from t;
		select id from t where name = 'row 77777';
		delete from t where id % 2;
		vacuum;
		select count(*), max(id) from t;
		pragma integrity_check;
	END
	expect sqlite-rows 0 '100000|2500025000.0
77777
50000|100000
ok' 120 256 --add "$work/rows.sql:/rows.sql" -- /usr/bin/sqlite3 /tmp/data.db '.read /rows.sql'
fi

if root python3 python3; then
	expect python3 0 hi 60 256 -- /usr/bin/python3 -c 'import ssl, sqlite3, threading; print("hi")'
	cat >"$work/threads.py" <<-'END'
		import queue, threading
		from concurrent.futures import ThreadPoolExecutor
		total, lock = 0, threading.Lock()
		def add(n):
		    global total
		    for _ in range(n):
		        with lock:
		            total += 1
		with ThreadPoolExecutor(16) as pool:
		    list(pool.map(add, [500] * 32))
		q, got = queue.Queue(4), []
		def consume():
		    while (item := q.get()) is not None:
		        got.append(item)
		threads = [threading.Thread(target=consume) for _ in range(8)]
		for t in threads: t.start()
		for i in range(1000): q.put(i)
		for t in threads: q.put(None)
		for t in threads: t.join()
		print(total, sum(got), len(threading.enumerate()))
	END
	expect python3-threads 0 '16000 499500 1' 120 256 --add "$work/threads.py:/threads.py" -- /usr/bin/python3 /threads.py
	cat >"$work/echo.py" <<-'END'
		import asyncio
		async def serve(reader, writer):
		    while line := await reader.readline():
		        writer.write(line.upper())
		        await writer.drain()
		    writer.close()
		async def client(port, n):
		    reader, writer = await asyncio.open_connection('127.0.0.1', port)
		    for i in range(n):
		        writer.write(b'line %d\n' % i)
		        assert await reader.readline() == b'LINE %d\n' % i
		    writer.close()
		    return n
		async def main():
		    server = await asyncio.start_server(serve, '127.0.0.1', 0)
		    port = server.sockets[0].getsockname()[1]
		    print(sum(await asyncio.gather(*(client(port, 20) for _ in range(20)))))
		    process = asyncio.get_running_loop().run_in_executor(None, sum, range(10))
		    print(await process)
		asyncio.run(main())
	END
	expect python3-asyncio 0 '400
45' 120 256 --add "$work/echo.py:/echo.py" -- /usr/bin/python3 /echo.py
fi

if root ripgrep ripgrep; then
	mkdir -p "$work/tree/a" "$work/tree/b"
	for i in 1 2 3 4 5 6 7 8; do
		seq 1 1000 | sed "s/^/file $i line /" >"$work/tree/a/$i.txt"
		cp "$work/tree/a/$i.txt" "$work/tree/b/$i.txt"
	done
	# Rust, with threads of its own.
	expect ripgrep 0 'file 5 line 777
file 5 line 777' 60 128 --add "$work/tree:/tree" -- \
		/usr/bin/rg --threads 4 --no-filename --no-line-number --no-ignore 'file 5 line 777$' /tree
fi

if root node nodejs; then
	cat >"$work/workers.js" <<-'END'
		const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
		if (isMainThread) {
			let sum = 0, left = 4;
			for (let i = 0; i < 4; i++) {
				const worker = new Worker(__filename, { workerData: i });
				worker.on('message', (n) => { sum += n; });
				worker.on('exit', () => { if (--left === 0) console.log('sum ' + sum); });
			}
		} else {
			let sum = 0;
			for (let i = 0; i < 1e5; i++) sum += i * workerData;
			parentPort.postMessage(sum);
		}
	END
	expect node-workers 0 'sum 29999700000' 120 1024 --add "$work/workers.js:/workers.js" -- /usr/bin/node /workers.js
fi

if root ruby ruby; then
	expect ruby 0 '[1,4,9,16] Float' 120 256 -- /usr/bin/ruby -rjson -rsocket -e '
		squares = (1..4).map { |i| Thread.new { i * i } }.map(&:value)
		puts JSON.generate(squares) + " " + Process.clock_gettime(Process::CLOCK_MONOTONIC).class.to_s'
fi

if root php php8.2-cli; then
	expect php 0 '[6,"abc"] 900150983cd24fb0d6963f7d28e17f72' 60 256 -- \
		/usr/bin/php8.2 -r 'echo json_encode([array_sum([1, 2, 3]), "abc"]), " ", md5("abc"), "\n";'
fi

# Lisp, whose collector finds what was written to by SIGSEGV.
if root sbcl sbcl; then
	expect sbcl 0 '2432902008176640000
5' 60 1024 -- /usr/bin/sbcl --noinform --non-interactive --eval '
		(progn (gc :full t)
			(format t "~a~%~a~%" (reduce (function *) (loop for i from 1 to 20 collect i))
				(sb-thread:join-thread (sb-thread:make-thread (lambda () (+ 2 3))))))'
fi

# serves NAME WANTED COMMAND...: the server that was started answers COMMAND with WANTED, and is stopped.
serves()
{
	name=$1 text=$2
	shift 2
	if ! answers "$@"; then
		fail "$name" "no answer: $(server_shown)"
	elif [ "$(tr -d '\r' <"$work/answer")" != "$text" ]; then
		fail "$name" "unexpected answer: $(server_shown)"
	else
		pass "$name"
	fi
	stop
}

# withstands NAME LOAD PROBE...: the server that was started answers PROBE, withstands LOAD (a function), answers again, and is stopped.
withstands()
{
	name=$1 load=$2
	shift 2
	if ! answers "$@"; then
		fail "$name" "no answer: $(server_shown)"
	elif ! $load >"$work/load" 2>&1; then
		fail "$name" "$(tail -n 3 "$work/load" | tr '\n\r' '  ')$(server_shown)"
	elif ! answers "$@"; then
		fail "$name" "no answer any more: $(server_shown)"
	else
		pass "$name"
	fi
	stop
}

# has TOOL NAME...: whether this machine has a client that the tests need; else they are skipped.
has()
{
	tool=$1
	shift
	command -v "$tool" >/dev/null && return
	for name; do
		skip "$name" "$tool is not installed"
	done
	return 1
}

wrk_and_ab()
{
	wrk -c 8 -t 1 -d 2 --timeout 60 "http://127.0.0.1:$port/" && ab -q -k -c 4 -n 1000 "http://127.0.0.1:$port/" || return 1
	! grep -qE 'Socket errors|Non-2xx' "$work/load" && grep -q 'Failed requests: *0$' "$work/load"
}

# A line for each of the commands.
redis_load()
{
	redis-benchmark -h 127.0.0.1 -p "$port" -q -c 8 -n 2000 -P 4 -t set,get,incr,lpush,hset || return 1
	! grep -qi error "$work/load" && [ "$(tr '\r' '\n' <"$work/load" | grep -c 'requests per second')" -ge 5 ]
}

# Both ways; the server takes one client at a time, and needs a moment between two.
iperf_load()
{
	answers iperf3 -c 127.0.0.1 -p "$port" -n 32M && grep receiver "$work/answer" &&
		answers iperf3 -c 127.0.0.1 -p "$port" -n 32M -R && grep receiver "$work/answer"
}

# Sends lines to the server's port and prints what comes back until the server closes.
talk()
{
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift, Timeout => 5) or exit 1;
		$s->print(join("\r\n", @ARGV), "\r\n");
		alarm 10; my $got = 0;
		while (my $line = <$s>) { print $line; $got = 1 }
		exit !$got' "$port" "$@"
}

mkdir -p "$work/site"
echo 'hello from a file' >"$work/site/index.html"

cat >"$work/nginx.conf" <<-'END'
	daemon off;
	master_process off;
	pid /tmp/nginx.pid;
	error_log stderr;
	events { worker_connections 1024; }
	http { access_log off; server { listen 80; root /srv; } }
	END
if wanted nginx && root nginx nginx-light; then
	serve 64 80 --add "$work/nginx.conf:/etc/nginx/nginx.conf" --add "$work/site:/srv" -- /usr/sbin/nginx
	serves nginx 'hello from a file' curl -sf -m 20 "http://127.0.0.1:$port/"
fi

if wanted nginx-load && has wrk nginx-load && has ab nginx-load && root nginx nginx-light; then
	serve 64 80 --add "$work/nginx.conf:/etc/nginx/nginx.conf" --add "$work/site:/srv" -- /usr/sbin/nginx
	withstands nginx-load wrk_and_ab curl -sf -m 20 "http://127.0.0.1:$port/"
fi

if wanted redis && root redis redis-server; then
	serve 128 6379 -- /usr/bin/redis-server --save '' --bind 0.0.0.0 --protected-mode no
	serves redis '+OK
$5
hello
:3
+OK' talk 'SET a hello' 'GET a' 'RPUSH l 1 2 3' QUIT
fi

if wanted redis-load && has redis-benchmark redis-load && root redis redis-server; then
	serve 128 6379 -- /usr/bin/redis-server --save '' --bind 0.0.0.0 --protected-mode no
	withstands redis-load redis_load talk PING QUIT
fi

if wanted memcached && root memcached memcached; then
	serve 256 11211 -- /usr/bin/memcached -u root -m 32
	serves memcached 'STORED
VALUE a 0 5
hello
END' talk 'set a 0 0 5' hello 'get a' quit
fi

if wanted iperf3 && has iperf3 iperf3 && root iperf3 iperf3; then
	serve 128 5201 -- /usr/bin/iperf3 -s
	withstands iperf3 iperf_load iperf3 -c 127.0.0.1 -p "$port" -n 1M
fi

if wanted haproxy && root haproxy haproxy; then
	cat >"$work/haproxy.cfg" <<-'END'
		defaults
		    mode http
		    timeout client 5s
		    timeout server 5s
		    timeout connect 5s
		frontend web
		    bind *:80
		    http-request return status 200 content-type text/plain string "hello from haproxy"
	END
	serve 256 80 --add "$work/haproxy.cfg:/haproxy.cfg" -- /usr/sbin/haproxy -db -f /haproxy.cfg
	serves haproxy 'hello from haproxy' curl -sf -m 20 "http://127.0.0.1:$port/"
fi

# Go: net/http, goroutines.
if wanted caddy && root caddy caddy; then
	serve 512 8080 --add "$work/site:/srv" -- /usr/bin/caddy file-server --root /srv --listen :8080
	serves caddy 'hello from a file' curl -sf -m 20 "http://127.0.0.1:$port/"
fi

if wanted node-http && root node nodejs; then
	cat >"$work/http.js" <<-'END'
		require('http').createServer((request, answer) => answer.end('hello ' + request.url + '\n')).listen(8080);
	END
	serve 1024 8080 --add "$work/http.js:/http.js" -- /usr/bin/node /http.js
	serves node-http 'hello /there' curl -sf -m 20 "http://127.0.0.1:$port/there"
fi

if wanted python3-http && root python3 python3; then
	serve 256 8000 --add "$work/site:/srv" -- /usr/bin/python3 -m http.server -d /srv 8000
	serves python3-http 'hello from a file' curl -sf -m 20 "http://127.0.0.1:$port/"
fi

if wanted mosquitto && root mosquitto mosquitto; then
	printf 'listener 1883\nallow_anonymous true\n' >"$work/mosquitto.conf"
	serve 256 1883 --add "$work/mosquitto.conf:/mosquitto.conf" -- /usr/sbin/mosquitto -c /mosquitto.conf
	# Who subscribes to "a" and then publishes "hello" there is told of it (MQTT 3.1.1).
	# shellcheck disable=SC2016
	serves mosquitto '20020000 9003000100 3008000161hello' perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift, Timeout => 5) or exit 1;
		sub take { my $n = shift; my $b = ""; $s->read($b, $n - length $b, length $b) or exit 1 while length $b < $n; $b }
		alarm 10;
		$s->print("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1x"); print unpack("H*", take(4)), " ";
		$s->print("\x82\6\0\1\0\1a\0"); print unpack("H*", take(5)), " ";
		$s->print("\x30\x08\0\1ahello"); print unpack("H*", take(5)), take(5), "\n"' "$port"
fi

if wanted dnsmasq && root dnsmasq dnsmasq-base; then
	serve 256 53 -- /usr/sbin/dnsmasq --no-daemon --user=root --group=root --no-resolv --pid-file= --address=/one.test/10.1.2.3
	# shellcheck disable=SC2016
	serves dnsmasq 10.1.2.3 perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift, Timeout => 5) or exit 1;
		alarm 10;
		$s->print(pack("n/a*", pack("n6", 7, 0x100, 1, 0, 0, 0) . "\3one\4test\0" . pack("n2", 1, 1)));
		$s->read(my $size, 2) or exit 1;
		$s->read(my $answer, unpack("n", $size)) or exit 1;
		print join(".", unpack("C4", substr($answer, -4))), "\n"' "$port"
fi
