"""Kafka, JSON, a filter and eleven columns by Spark Structured Streaming, into nothing or into Cassandra: what
bench/peers.py runs beside leat, by `spark python job.py JSON`.

The argument: brokers, topic, fields (all texts), columns (SQL expressions), where, trigger (most records of a
micro-batch), cores, checkpoint (a folder), and for Cassandra host, port, keyspace and table. It ends when all that was in
the topic at its start is done. Each micro-batch is told as a line of JSON when it is committed: {"records", "rows"}.
"""
import json
import sys

from pyspark.sql import SparkSession, functions
from pyspark.sql.streaming import StreamingQueryListener
from pyspark.sql.types import StringType, StructType


class Told(StreamingQueryListener):
    def onQueryStarted(self, event):
        pass

    def onQueryProgress(self, event):
        if event.progress.numInputRows:
            print(json.dumps({"records": event.progress.numInputRows, "rows": event.progress.sink.numOutputRows}),
                  flush=True)

    def onQueryIdle(self, event):
        pass

    def onQueryTerminated(self, event):
        pass


def session(job):
    builder = (SparkSession.builder.master(f"local[{job['cores']}]").appName("peer")
               .config("spark.ui.enabled", "false")
               .config("spark.ui.showConsoleProgress", "false")
               .config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.sql.session.timeZone", "UTC"))
    if "host" in job:
        builder = (builder.config("spark.cassandra.connection.host", job["host"])
                   .config("spark.cassandra.connection.port", job["port"])
                   .config("spark.cassandra.auth.username", "cassandra")
                   .config("spark.cassandra.auth.password", "cassandra")
                   .config("spark.cassandra.output.concurrent.writes", job["concurrency"]))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def rows(spark, job):
    schema = StructType()
    for field in job["fields"]:
        schema = schema.add(field, StringType())
    topic = (spark.readStream.format("kafka")
             .option("kafka.bootstrap.servers", job["brokers"])
             .option("kafka.isolation.level", "read_committed")
             .option("subscribe", job["topic"])
             .option("startingOffsets", "earliest")
             .option("maxOffsetsPerTrigger", job["trigger"])
             .load())
    record = functions.from_json(functions.col("value").cast("string"), schema)
    return topic.select(record.alias("record")).select("record.*").where(job["where"]).selectExpr(*job["columns"])


def main():
    job = json.loads(sys.argv[1])
    spark = session(job)
    spark.streams.addListener(Told())
    query = rows(spark, job).writeStream.trigger(availableNow=True).option("checkpointLocation", job["checkpoint"])
    if "host" in job:
        query = (query.format("org.apache.spark.sql.cassandra").outputMode("append")
                 .option("keyspace", job["keyspace"]).option("table", job["table"]))
    else:
        query = query.format("noop")
    query.start().awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main()
