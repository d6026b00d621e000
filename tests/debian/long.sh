# SPDX-License-Identifier: BSD-3-Clause
# The long cases of run.sh, which sources this with --long.

# Java compiles the source itself, in memory.
if { wanted java-pool || wanted java-http; } && root jdk openjdk-17-jdk-headless; then
	java=/usr/lib/jvm/java-17-openjdk-amd64/bin/java
	cat >"$work/Pool.java" <<-'END'
		import java.util.*;
		import java.util.concurrent.*;
		public class Pool {
			public static void main(String[] arguments) throws Exception {
				ExecutorService pool = Executors.newFixedThreadPool(8);
				List<Future<Long>> sums = new ArrayList<>();
				for (int i = 0; i < 64; i++) {
					final int n = i;
					sums.add(pool.submit(() -> { long s = 0; for (int k = 0; k < 10000; k++) s += k * n; return s; }));
				}
				long total = 0;
				for (var sum : sums) total += sum.get();
				pool.shutdown();
				System.out.println("sum " + total);
			}
		}
	END
	expect java-pool 0 'sum 100789920000' 300 2048 --add "$work/Pool.java:/Pool.java" -- $java /Pool.java
	cat >"$work/Web.java" <<-'END'
		import com.sun.net.httpserver.*;
		import java.net.*;
		public class Web {
			public static void main(String[] arguments) throws Exception {
				HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
				server.createContext("/", exchange -> {
					byte[] body = ("hello " + exchange.getRequestURI() + "\n").getBytes();
					exchange.sendResponseHeaders(200, body.length);
					exchange.getResponseBody().write(body);
					exchange.close();
				});
				server.start();
			}
		}
	END
	if wanted java-http; then
		serve 2048 8080 --add "$work/Web.java:/Web.java" -- $java /Web.java
		serves java-http 'hello /there' curl -sf -m 20 "http://127.0.0.1:$port/there"
	fi
fi

if wanted etcd && root etcd etcd-server; then
	serve 512 2379 -- /usr/bin/etcd --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--data-dir /tmp/etcd
	serves etcd '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}' curl -sf -m 20 "http://127.0.0.1:$port/version"
fi

if wanted mariadb && root mariadb mariadb-server-core; then
	serve 1536 3306 -- /usr/sbin/mariadbd --no-defaults --skip-grant-tables --user=root --datadir=/tmp --socket=/tmp/socket \
		--pid-file=/tmp/pid --bind-address=0.0.0.0 --lc-messages-dir=/usr/share/mysql
	# Logs in and asks for 6 * 7: the answer's one field.
	# shellcheck disable=SC2016
	serves mariadb 42 perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift, Timeout => 5) or exit 1;
		sub get { my $b = ""; $s->read($b, 4) == 4 && $s->read($b, unpack "V", substr($b, 0, 3) . "\0") or exit 1; $b }
		sub put { my ($n, $b) = @_; $s->print(substr(pack("V", length $b), 0, 3), chr $n, $b) }
		alarm 20;
		get(); put(1, pack("VVCx23", 0x8201, 1 << 24, 33) . "root\0\0"); ord(get()) == 0 or exit 1;
		put(0, "\3select 6 * 7"); get() for 1 .. 3;
		print substr(get(), 1), "\n"' "$port"
fi

# An ASGI server, and one with a thread for each request.
if { wanted uvicorn || wanted flask; } && root uvicorn uvicorn python3-flask; then
	cat >"$work/asgi.py" <<-'END'
		async def app(scope, receive, send):
		    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
		    await send({'type': 'http.response.body', 'body': b'hello ' + scope['path'].encode()})
	END
	cat >"$work/flask_app.py" <<-'END'
		from flask import Flask
		app = Flask(__name__)
		@app.route('/<name>')
		def hello(name):
		    return 'hello ' + name
		app.run('0.0.0.0', 8000, threaded=True)
	END
	if wanted uvicorn; then
		serve 256 8000 --add "$work/asgi.py:/asgi.py" -- /usr/bin/python3 -m uvicorn --app-dir / --host 0.0.0.0 asgi:app
		serves uvicorn 'hello /there' curl -sf -m 20 "http://127.0.0.1:$port/there"
	fi
	if wanted flask; then
		serve 256 8000 --add "$work/flask_app.py:/flask_app.py" -- /usr/bin/python3 /flask_app.py
		serves flask 'hello there' curl -sf -m 20 "http://127.0.0.1:$port/there"
	fi
fi

# Python's own tests: none fails but for want of fork.
if root python3-tests python3 libpython3.11-testsuite; then
	for tests in threading mmap select signal socket epoll selectors asyncio ssl os posix time fileio io fcntl \
		resource tempfile shutil pathlib tarfile eintr queue; do
		name=python3-tests-$tests
		wanted "$name" || continue
		guest 1800 1024 --add tests/debian/python_tests.py:/tests.py -- /usr/bin/python3 /tests.py "test_$tests" </dev/null
		status=$?
		result=$(tr -d '\r' <"$work/out" | grep -a "^test_$tests:")
		if [ $status -eq 0 ]; then pass "$name (${result#*: })"; else fail "$name" "$(shown)"; fi
	done
fi
