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

# Python's own tests: none fails but for want of fork.
if root python3-tests python3 libpython3.11-testsuite; then
	for tests in threading mmap select signal socket epoll selectors asyncio ssl os posix time fileio io fcntl \
		resource tempfile shutil pathlib tarfile eintr queue; do
		name=python3-tests-$tests
		wanted "$name" || continue
		guest 600 1024 --add tests/debian/python_tests.py:/tests.py -- /usr/bin/python3 /tests.py "test_$tests" </dev/null
		status=$?
		result=$(tr -d '\r' <"$work/out" | grep -a "^test_$tests:")
		if [ $status -eq 0 ]; then pass "$name (${result#*: })"; else fail "$name" "$(shown)"; fi
	done
fi
